/**
 * The cost of a frame for each subscriber: a thousand dashboards of all stores read the live figures
 * while orders come, so that there is something to show about 18 times a second. The CPU of the
 * service, folds and orders included, is divided by the frames that arrived. A frame's time runs from
 * the COMMIT of its fold to its arrival. For comparison, a bare broadcast on Deno sends as many bytes as
 * often; its time runs from the first of a thousand sends.
 *
 * A second audience of the same service then reads patches, while the same orders come. Its bytes are
 * held against those of the full frames.
 */
import { connect } from "../../sql/connection/driver.ts";
import { anInput } from "../support/load/orders.ts";
import { KEY } from "../support/services/instance.ts";
import { startService } from "../support/services/service_process.ts";
import { Audience, type Heard } from "./fanout/audience_process.ts";
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
}

interface Cost {
  readonly frames: number;
  readonly bytesAFrame: number;
  /** The CPU of the server for each frame, microseconds. */
  readonly cpuUs: number;
  /** By version: when each frame of it arrived, Unix ms. */
  readonly arrivals: Heard["arrivals"];
}

/** The costs of each round, and the lateness of the frames. */
interface Rounds {
  readonly weir: readonly Cost[];
  readonly patches: readonly Cost[];
  readonly bare: readonly Cost[];
  readonly weirP99: readonly number[];
  readonly bareP99: readonly number[];
}

async function measure(databaseUrl: string, redisUrl: string): Promise<Figure[]> {
  const [weirCosts, patchCosts, bareCosts] = [[], [], []] as [Cost[], Cost[], Cost[]];
  const [weirP99, bareP99] = [[], []] as [number[], number[]];
  for (let round = 0; round < ROUNDS; round++) {
    const weir = await startService({ DATABASE_URL: databaseUrl, REDIS_URL: redisUrl });
    await weir.says(/"message":"ready"/);
    const orders = placeOrders(weir.url);
    const cost = await costOf(weir, "dashboard.live");
    patchCosts.push(await costOf(weir, "dashboard.livePatches"));
    await orders();
    await weir.stop(); // it writes the rest of its history then
    weirCosts.push(cost);
    weirP99.push(p99Of(cost, await foldsOf(databaseUrl)));
    const everyMs = MEASURED_MS * SUBSCRIBERS / cost.frames;
    const bare = await startYardstick("broadcast", "", [
      String(Math.round(cost.bytesAFrame)),
      String(Math.round(everyMs)),
    ]);
    const bareCost = await costOf(bare, "dashboard.live");
    const sent = Object.entries<number>(await (await fetch(`${bare.url}/sent`)).json());
    bareCosts.push(bareCost);
    bareP99.push(p99Of(bareCost, new Map(sent)));
    await bare.stop();
  }
  return figuresOf({ weir: weirCosts, patches: patchCosts, bare: bareCosts, weirP99, bareP99 });
}

function figuresOf({ weir, patches, bare, weirP99, bareP99 }: Rounds): Figure[] {
  const cpu = (costs: readonly Cost[]) => costs.map(({ cpuUs }) => cpuUs);
  const bytes = (costs: readonly Cost[]) => costs.map(({ bytesAFrame }) => bytesAFrame);
  const frames = weir.map((cost) => cost.frames / MEASURED_MS * 1_000 / SUBSCRIBERS);
  return [
    { name: "fanout.frames_per_s", value: median(frames), unit: "/s each" },
    { name: "fanout.frame_bytes", value: median(bytes(weir)), unit: "bytes" },
    {
      name: "fanout.patch_bytes",
      value: median(bytes(patches)),
      unit: "bytes",
      ratio: ratioTo("fanout.frame_bytes", bytes(patches), bytes(weir)),
      aim: "at most 0.1",
    },
    { name: "fanout.bare_cpu_us", value: median(cpu(bare)), unit: "µs a frame" },
    {
      name: "fanout.cpu_us",
      value: median(cpu(weir)),
      unit: "µs a frame",
      ratio: ratioTo("fanout.bare_cpu_us", cpu(weir), cpu(bare)),
      aim: "at most 1.3",
    },
    {
      name: "fanout.patch_cpu_us",
      value: median(cpu(patches)),
      unit: "µs a frame",
      ratio: ratioTo("fanout.cpu_us", cpu(patches), cpu(weir)),
    },
    { name: "fanout.bare_p99", value: median(bareP99), unit: "ms" },
    {
      name: "fanout.p99",
      value: median(weirP99),
      unit: "ms",
      ratio: ratioTo("fanout.bare_p99", weirP99, bareP99),
      aim: "at most 1.5",
    },
  ];
}

/** The ratio of two figures, from the rounds of both. */
function ratioTo(to: string, values: readonly number[], others: readonly number[]) {
  const ratios = values.map((value, round) => value / (others[round] ?? NaN));
  return { to, value: median(ratios), spread: spread(ratios) };
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

/** Measures the sender with an audience of a procedure. */
async function costOf(sender: Sender, procedure: string): Promise<Cost> {
  const audience = await Audience.join(sender.url, SUBSCRIBERS, KEY, procedure);
  const ask = async () => ({ ...await audience.heard(), cpuMs: await sender.cpuMs() });
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  const before = await ask();
  await new Promise((resolve) => setTimeout(resolve, MEASURED_MS));
  const after = await ask();
  await audience.leave();
  const frames = after.frames - before.frames;
  return {
    frames,
    bytesAFrame: (after.bytes - before.bytes) / frames,
    cpuUs: 1_000 * (after.cpuMs - before.cpuMs) / frames,
    arrivals: after.arrivals,
  };
}

/**
 * 99 of 100 frames had arrived so long after their beginning, milliseconds.
 * @param began when each version could be sent at the earliest, Unix ms.
 */
function p99Of({ arrivals }: Cost, began: ReadonlyMap<string, number>): number {
  const times = Object.entries(arrivals).flatMap(([version, at]) =>
    at.map((ms) => ms - (began.get(version) ?? NaN))
  ).filter((ms) => !Number.isNaN(ms)).sort((a, b) => a - b);
  const arrived = Object.values(arrivals).flat().length;
  if (times.length < TIMED * arrived) throw new Error(`${times.length} of ${arrived} frames timed`);
  return times[Math.floor(times.length * 0.99)] ?? NaN;
}
