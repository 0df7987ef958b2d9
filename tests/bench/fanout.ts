/**
 * The cost of a frame for each subscriber: a thousand dashboards of all stores read the live figures
 * while orders come, so that there is something to show about 18 times a second. The CPU of the
 * service, folds and orders included, is divided by the frames that arrived. A frame's time runs from
 * the COMMIT of its fold to its arrival. For comparison, a bare broadcast on Deno sends as many bytes as
 * often; its time runs from the first of a thousand sends.
 */
import { connect } from "../../sql/connection/driver.ts";
import { anInput } from "../support/load/orders.ts";
import { KEY } from "../support/services/instance.ts";
import { startService } from "../support/services/service_process.ts";
import { Audience } from "./fanout/audience_process.ts";
import { withServices } from "./stage/embedded.ts";
import { type Bench, type Figure, median, spread } from "./stage/figure.ts";
import { startYardstick } from "./http/start_yardstick.ts";

const SUBSCRIBERS = 1_000;
const ROUNDS = 3;
const MEASURED_MS = 5_000;
const ORDER_EVERY_MS = 10;
/** At least this share of the frames must have a beginning. */
const TIMED = 0.95;

export const fanout: Bench = {
  name: "fanout",
  run: () => withServices(measure),
};

/** A server that sends frames. */
interface Sender {
  readonly url: string;
  cpuMs(): Promise<number>;
  /** When each version could be sent at the earliest, Unix ms. */
  began(): Promise<ReadonlyMap<string, number>>;
}

interface Cost {
  readonly frames: number;
  readonly bytesAFrame: number;
  /** The CPU of the server for each frame, microseconds. */
  readonly cpuUs: number;
  /** 99 of 100 frames had arrived so long after their beginning. */
  readonly p99Ms: number;
}

async function measure(databaseUrl: string, redisUrl: string): Promise<Figure[]> {
  const weirCosts: Cost[] = [];
  const bareCosts: Cost[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const weir = await startService({ DATABASE_URL: databaseUrl, REDIS_URL: redisUrl });
    await weir.says(/"message":"ready"/);
    const orders = placeOrders(weir.url);
    const began = async () => {
      await orders();
      await weir.stop(); // it writes the rest of its history then
      return foldsOf(databaseUrl);
    };
    const cost = await costOf({ ...weir, began });
    weirCosts.push(cost);
    const everyMs = MEASURED_MS * SUBSCRIBERS / cost.frames;
    const bare = await startYardstick("broadcast", "", [
      String(Math.round(cost.bytesAFrame)),
      String(Math.round(everyMs)),
    ]);
    const sent = async () =>
      new Map<string, number>(Object.entries(await (await fetch(`${bare.url}/sent`)).json()));
    bareCosts.push(await costOf({ ...bare, began: sent }));
    await bare.stop();
  }
  const p99 = (costs: readonly Cost[]) => costs.map(({ p99Ms }) => p99Ms);
  const lateness = p99(weirCosts).map((ms, round) => ms / (p99(bareCosts)[round] ?? NaN));
  const cpu = (costs: readonly Cost[]) => costs.map(({ cpuUs }) => cpuUs);
  const ratios = cpu(weirCosts).map((us, round) => us / (cpu(bareCosts)[round] ?? NaN));
  return [
    {
      name: "fanout.frames_per_s",
      value: median(weirCosts.map(({ frames }) => frames / MEASURED_MS * 1_000 / SUBSCRIBERS)),
      unit: "/s each",
    },
    {
      name: "fanout.frame_bytes",
      value: median(weirCosts.map(({ bytesAFrame }) => bytesAFrame)),
      unit: "bytes",
    },
    { name: "fanout.bare_cpu_us", value: median(cpu(bareCosts)), unit: "µs a frame" },
    {
      name: "fanout.cpu_us",
      value: median(cpu(weirCosts)),
      unit: "µs a frame",
      ratio: { to: "fanout.bare_cpu_us", value: median(ratios), spread: spread(ratios) },
      aim: "at most 1.3",
    },
    { name: "fanout.bare_p99", value: median(p99(bareCosts)), unit: "ms" },
    {
      name: "fanout.p99",
      value: median(p99(weirCosts)),
      unit: "ms",
      ratio: { to: "fanout.bare_p99", value: median(lateness), spread: spread(lateness) },
      aim: "at most 1.5",
    },
  ];
}

/**
 * The ends of the folds by version, as the service has recorded them after each COMMIT. A record is
 * late by the time that it waits for its own statement, so the frames are a little later than they
 * look.
 */
async function foldsOf(databaseUrl: string): Promise<ReadonlyMap<string, number>> {
  const sql = connect(databaseUrl, { max: 1 });
  const rows = await sql<{ version: string; at: number }[]>`
    SELECT version, (extract(epoch FROM ended_at) * 1000)::float8 AS at FROM fold_runs
    WHERE version IS NOT NULL`;
  await sql.end();
  return new Map(rows.map(({ version, at }) => [version, at]));
}

/** Places orders until the returned function is called. */
function placeOrders(url: string): () => Promise<void> {
  let isOver = false;
  const placing = (async () => {
    for (let index = 0; !isOver; index++) {
      const order = anInput({ storeId: `store-${index % 20}`, lines: linesOf(index) });
      await fetch(`${url}/trpc/orders.place`, {
        method: "POST",
        headers: { authorization: `Bearer ${KEY}`, "content-type": "application/json" },
        body: JSON.stringify(order),
      }).then((response) => response.body?.cancel());
      await new Promise((resolve) => setTimeout(resolve, ORDER_EVERY_MS));
    }
  })();
  return () => {
    isOver = true;
    return placing;
  };
}

function linesOf(index: number) {
  return [{ sku: `sku-${index % 50}`, quantity: 1, unitPriceMinor: 100 + index % 97 }];
}

/** Measures the sender with an audience. */
async function costOf(sender: Sender): Promise<Cost> {
  const audience = await Audience.join(sender.url, SUBSCRIBERS, KEY);
  const ask = async () => ({ ...await audience.heard(), cpuMs: await sender.cpuMs() });
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  const before = await ask();
  await new Promise((resolve) => setTimeout(resolve, MEASURED_MS));
  const after = await ask();
  await audience.leave();
  const began = await sender.began();
  const times = Object.entries(after.arrivals).flatMap(([version, at]) =>
    at.map((ms) => ms - (began.get(version) ?? NaN))
  ).filter((ms) => !Number.isNaN(ms)).sort((a, b) => a - b);
  const arrived = Object.values(after.arrivals).flat().length;
  if (times.length < TIMED * arrived) throw new Error(`${times.length} of ${arrived} frames timed`);
  const frames = after.frames - before.frames;
  return {
    frames,
    bytesAFrame: (after.bytes - before.bytes) / frames,
    cpuUs: 1_000 * (after.cpuMs - before.cpuMs) / frames,
    p99Ms: times[Math.floor(times.length * 0.99)] ?? NaN,
  };
}
