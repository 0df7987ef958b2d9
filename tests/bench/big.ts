/**
 * The cost of an order when ten million are stored, against a database that is nearly empty: batches
 * go to both in turns, so that both have the same machine. Filling takes some minutes.
 */
import { connect, type Sql } from "../../sql/connection/driver.ts";
import { migrate } from "../../sql/migrate.ts";
import { commitBatch } from "../../sql/orders/batch.ts";
import { QuickWay } from "../../sql/orders/batch/quick_way.ts";
import { withEmbedded } from "./stage/embedded.ts";
import { type Bench, type Figure, median, spread } from "./stage/figure.ts";
import { sampleOrder } from "./stage/sample_orders.ts";
import { fill, MILLION } from "./stage/stored_orders.ts";

const STORED = 10 * MILLION;
/** Each fills a part; more sessions than cores gain nothing. */
const SESSIONS = 2;
const BATCH = 256;
const BATCHES = 40;
const ROUNDS = 9;

export const big: Bench = {
  name: "big",
  run: () => withEmbedded(measure),
};

async function measure(databaseUrl: string): Promise<Figure[]> {
  const full = connect(databaseUrl, { max: SESSIONS, connection: { TimeZone: "UTC" } });
  await full`CREATE DATABASE weir_empty`;
  const emptyUrl = new URL(databaseUrl);
  emptyUrl.pathname = "/weir_empty";
  await migrate({ databaseUrl });
  await migrate({ databaseUrl: emptyUrl.href });
  await Promise.all(Array.from({ length: SESSIONS }, () => fill(full, STORED / SESSIONS)));
  await full`VACUUM ANALYZE orders`;
  await full`CHECKPOINT`;
  const sides = {
    full: connect(databaseUrl, { max: 1 }),
    empty: connect(emptyUrl.href, { max: 1 }),
  };
  const times: Record<keyof typeof sides, number[]> = { full: [], empty: [] };
  for (let round = 0; round <= ROUNDS; round++) {
    for (const name of ["full", "empty"] as const) {
      const us = await usAnOrder(sides[name]);
      if (round > 0) times[name].push(us); // the first round warms up
    }
  }
  await Promise.all([full.end(), sides.full.end(), sides.empty.end()]);
  const ratios = times.full.map((us, round) => us / (times.empty[round] ?? NaN));
  const unit = "µs an order";
  return [
    { name: "big.empty", value: median(times.empty), unit, spread: spread(times.empty) },
    {
      name: `big.${STORED / MILLION}M`,
      value: median(times.full),
      unit,
      ratio: { to: "big.empty", value: median(ratios), spread: spread(ratios) },
      aim: "at most 1.15",
    },
  ];
}

/** The time of an order in full batches of one session. The journal is emptied as a fold would. */
async function usAnOrder(sql: Sql): Promise<number> {
  const batches = Array.from(
    { length: BATCHES },
    () => Array.from({ length: BATCH }, (_, index) => sampleOrder(index)),
  );
  const quickWay = new QuickWay();
  const begunAt = performance.now();
  for (const batch of batches) await commitBatch(sql, batch, quickWay);
  const ms = performance.now() - begunAt;
  await sql`TRUNCATE journal, journal_sums`;
  return ms * 1_000 / (BATCH * BATCHES);
}
