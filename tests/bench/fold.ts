/**
 * The cost of a fold as the table of orders grows. One second's intake (2,000 orders of 20 stores,
 * in batches of 500) is folded with 0, 1 and 4 million orders of today stored before. For
 * comparison, the textbook's way is measured with the most orders: it counts today's orders again.
 */
import { commitBatch } from "../../sql/orders/batch.ts";
import { type Database, openDatabase, type Sql } from "../../sql/connection/database.ts";
import { connect } from "../../sql/connection/driver.ts";
import { foldJournal } from "../../sql/figures/fold.ts";
import { migrate } from "../../sql/migrate.ts";
import { type NewOrder, toNewOrder } from "../../sql/orders/new_order.ts";
import { rebuildRollups } from "../../sql/figures/rebuild.ts";
import { withEmbedded } from "./stage/embedded.ts";
import { fill, MILLION, PRODUCTS, STORES } from "./stage/stored_orders.ts";
import { type Bench, type Figure, median } from "./stage/figure.ts";
import { placeInput } from "../../client/contract/order.ts";

const INTAKE_ORDERS = 2_000;
const BATCH_ORDERS = 500;
const ROUNDS = 25;
const WARM_UP_ROUNDS = 5;
const RECOMPUTES = 5;
const LEVELS = [0, 1, 4];

export const fold: Bench = {
  name: "fold",
  run: () =>
    withEmbedded(async (databaseUrl) => {
      await migrate({ databaseUrl });
      const sql = connect(databaseUrl, { max: 4, connection: { TimeZone: "UTC", jit: "off" } });
      const database = openDatabase({
        url: databaseUrl,
        statementTimeoutMs: 60_000,
        writeConnections: 2,
      });
      const medians: number[] = [];
      let stored = 0;
      for (const millions of LEVELS) {
        await fill(sql, (millions - stored) * MILLION);
        if (millions > stored) await rebuildRollups({ databaseUrl });
        stored = millions;
        await sql`vacuum analyze`;
        await sql`checkpoint`;
        medians.push(await foldMs(database));
      }
      const recomputeMs = await recompute(sql);
      await database.end();
      await sql.end();
      return figuresOf(medians, recomputeMs);
    }),
};

function figuresOf(medians: readonly number[], recomputeMs: number): Figure[] {
  const [empty = NaN] = medians;
  const full = medians.at(-1) ?? NaN;
  const folds = LEVELS.map((millions, index): Figure => ({
    name: `fold.ms at ${millions}M orders`,
    value: medians[index] ?? NaN,
    unit: "ms",
    ...(index === 0 ? {} : {
      ratio: { to: "fold.ms at 0M orders", value: (medians[index] ?? NaN) / empty },
      aim: "within 0.7 to 1.3",
    }),
  }));
  return [...folds, {
    name: "fold.recompute",
    value: recomputeMs,
    unit: "ms",
    ratio: { to: `fold.ms at ${LEVELS.at(-1)}M orders`, value: recomputeMs / full },
    aim: "at least 50 times",
  }];
}

/** The median time of folding one second's intake. */
async function foldMs(database: Database): Promise<number> {
  const times: number[] = [];
  for (let round = -WARM_UP_ROUNDS; round < ROUNDS; round++) {
    for (let placed = 0; placed < INTAKE_ORDERS; placed += BATCH_ORDERS) {
      const orders = Array.from({ length: BATCH_ORDERS }, (_, index) => orderOf(placed + index));
      await database.write.run((sql) => commitBatch(sql, orders));
    }
    const begunAt = performance.now();
    const result = await foldJournal(database.fold);
    const ms = performance.now() - begunAt;
    if (result.outcome !== "folded" || result.orders !== INTAKE_ORDERS) {
      throw new Error(`the fold took something else: ${JSON.stringify(result)}`);
    }
    if (round >= 0) times.push(ms);
  }
  return median(times);
}

/** The median time of counting all of today's orders, by store, currency and minute. */
async function recompute(sql: Sql): Promise<number> {
  const times: number[] = [];
  for (let round = 0; round < RECOMPUTES; round++) {
    const begunAt = performance.now();
    await sql`
      SELECT store_id, currency, date_trunc('minute', placed_at, 'UTC') AS minute, count(*),
             sum(units), sum(total_minor)
      FROM orders WHERE placed_at >= date_trunc('day', now(), 'UTC') GROUP BY 1, 2, 3`;
    times.push(performance.now() - begunAt);
  }
  return median(times);
}

function orderOf(index: number): NewOrder {
  return toNewOrder(placeInput.parse({
    storeId: `store-${index % STORES}`,
    idempotencyKey: crypto.randomUUID(),
    currency: "EUR",
    lines: [{ sku: `sku-${index % PRODUCTS}`, quantity: 1, unitPriceMinor: 100 + index % 997 }],
  }));
}
