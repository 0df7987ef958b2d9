/**
 * The time of one order over HTTP. Idle: one caller, against a bare INSERT on one connection, in turns.
 * Loaded: orders are due at half the rate that the service can take, whether those before are
 * answered or not, and each is timed from the moment it was due. So a stall of the service counts
 * for every order that it held up (Tene's "coordinated omission").
 */
import { connect, type Sql } from "../../sql/connection/driver.ts";
import { KEY } from "../support/services/instance.ts";
import { startService } from "../support/services/service_process.ts";
import { withServices } from "./stage/embedded.ts";
import { type Bench, type Figure, median, spread } from "./stage/figure.ts";
import type { Call } from "./http/load_task.ts";
import { runLoad } from "./http/run_load.ts";
import { makeTextbookTable } from "./http/textbook_table.ts";

const ROUNDS = 3;
const INSERTS = 1_000;
const CALLERS = 256;
const CALL: Call = { method: "POST", path: "/trpc/orders.place", token: KEY, ordersACall: 1 };

export const latency: Bench = {
  name: "latency",
  run: () => withServices(measure),
};

async function measure(databaseUrl: string, redisUrl: string): Promise<Figure[]> {
  await makeTextbookTable(databaseUrl);
  const weir = await startService({ DATABASE_URL: databaseUrl, REDIS_URL: redisUrl });
  const sql = connect(databaseUrl, { max: 1 });
  try {
    await weir.says(/"message":"ready"/);
    const { url } = weir;
    const idle: number[] = [];
    const bare: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      bare.push(await insertP50Ms(sql));
      idle.push((await runLoad({ url, callers: 1, call: CALL })).p50Ms);
    }
    const { perSecond } = await runLoad({ url, callers: CALLERS, call: CALL });
    const loaded = [];
    for (let round = 0; round < ROUNDS; round++) {
      loaded.push(
        await runLoad({ url, callers: CALLERS, call: CALL, ratePerSecond: perSecond / 2 }),
      );
    }
    const ratios = idle.map((ms, round) => ms / (bare[round] ?? NaN));
    const p99s = loaded.map(({ p99Ms }) => p99Ms);
    return [
      { name: "latency.bare_insert_p50", value: median(bare), unit: "ms" },
      {
        name: "latency.idle_p50",
        value: median(idle),
        unit: "ms",
        ratio: { to: "latency.bare_insert_p50", value: median(ratios), spread: spread(ratios) },
        aim: "at most 1.3",
      },
      { name: "latency.peak", value: perSecond, unit: "orders/s" },
      {
        name: "latency.half_peak_p50",
        value: median(loaded.map(({ p50Ms }) => p50Ms)),
        unit: "ms",
      },
      {
        name: "latency.half_peak_p99",
        value: median(p99s),
        unit: "ms",
        spread: spread(p99s),
        aim: "at most 25",
      },
    ];
  } finally {
    await sql.end();
    await weir.stop();
  }
}

async function insertP50Ms(sql: Sql): Promise<number> {
  const times: number[] = [];
  for (let index = 0; index < INSERTS; index++) {
    const begunAt = performance.now();
    await sql`
      INSERT INTO textbook_orders (store_id, idempotency_key, currency, lines, units, total_minor,
                                   customer_ref)
      VALUES (${`store-${index % 20}`}, ${crypto.randomUUID()}, 'EUR',
              ${'[{"sku":"tea","quantity":1,"unitPriceMinor":250}]'}::text::jsonb, 1, 250, 'c')`;
    times.push(performance.now() - begunAt);
  }
  return median(times);
}
