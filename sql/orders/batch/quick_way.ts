/**
 * The quick way of a batch: most batches have only orders that nobody has seen before, and for those
 * one plain INSERT is enough. It counts nothing, asks about no order and returns no rows, so it costs
 * the database about two thirds of the statement in batch.ts, and of a small batch half.
 *
 * It stores the whole batch or nothing. It fails when an order is stored already. It leaves a batch alone
 * when one of its orders has an open dead letter, and when the table has triggers, which may change what
 * is stored: the sums in the journal are those that Weir has counted.
 *
 * Tested in tests/sql/orders/batch/quick_way_test.ts and batch_test.ts.
 */
import type { Sql } from "../../connection/database.ts";
import { classify } from "../../connection/failure.ts";
import { type BatchSums, sumsOf } from "./sums.ts";
import { JOURNALED } from "./journaled.ts";
import type { NewOrder } from "../new_order.ts";

/** After this many batches the quick way is tried again, however often it was in vain. */
const MAX_PASSED_OVER = 64;

/**
 * A try that takes longer than this goes to a database far away. There the quick way saves next to
 * nothing, and a try in vain costs a whole round trip more. A full batch takes 10 ms on a machine that is
 * quiet, and 50 on one that is not.
 */
const FAR_MS = 150;

/**
 * The quick way of the batches of one writer. A try in vain costs a round trip, and a line in the log of
 * PostgreSQL. So it is tried less often while orders come that are stored already: after each try in
 * vain it passes over twice as many batches as before. After a try that took long it passes over the
 * most, whether it was in vain or not.
 */
export class QuickWay {
  readonly #now: () => number;
  #passOver = 0;
  #left = 0;

  /** @param now a monotonic clock, milliseconds from some fixed point. */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /**
   * Stores a batch of new orders.
   * @returns the time of the batch, which all its orders have; null: nothing is stored, and the batch is
   *   for the statement that asks about each order.
   * @throws the error of the driver, unless it speaks of an order: the other statement finds out of which.
   */
  async insert(sql: Sql, orders: readonly NewOrder[]): Promise<Date | null> {
    if (orders.length === 0 || orders.some(({ placedAt }) => placedAt !== null)) return null;
    if (this.#left > 0) {
      this.#left--;
      return null;
    }
    const sums = sumsOf(orders);
    const from = this.#now();
    const placedAt = sums && await insertAll(sql, orders, sums).catch(unlessOfAnOrder);
    if (this.#now() - from > FAR_MS) this.#passOver = MAX_PASSED_OVER;
    else if (placedAt === null) this.#passOver = Math.min(MAX_PASSED_OVER, 2 * this.#passOver || 1);
    else this.#passOver = 0;
    this.#left = this.#passOver;
    return placedAt;
  }
}

function unlessOfAnOrder(error: unknown): null {
  if (classify(error).kind === "data") return null;
  throw error;
}

async function insertAll(
  sql: Sql,
  orders: readonly NewOrder[],
  { totals, products }: BatchSums,
): Promise<Date | null> {
  const column = <K extends keyof NewOrder>(name: K) => orders.map((order) => order[name]);
  const [storeIds, orderIds] = [column("storeId"), column("orderId")];
  const [row] = await sql<{ placed_at: Date | null }[]>`
    WITH moment AS MATERIALIZED (
      SELECT date_trunc('milliseconds', now()) AS placed_at FROM pg_class
      WHERE oid = 'orders'::regclass AND NOT relhastriggers
        AND NOT EXISTS (
          SELECT FROM dead_letters d
          JOIN unnest(${storeIds}::text[], ${orderIds}::uuid[]) AS i (store_id, order_id)
            USING (store_id, order_id)
          WHERE d.state = 'open')
    ), inserted AS (
      INSERT INTO orders (store_id, order_id, idempotency_key, currency, lines, units, total_minor,
                          customer_ref, metadata, content_hash, placed_at, committed_at)
      SELECT store_id, order_id, idempotency_key, currency, lines::jsonb, units, total_minor,
             customer_ref, metadata::jsonb, decode(content_hash, 'hex'), placed_at, now()
      FROM moment, unnest(
        ${storeIds}::text[], ${orderIds}::uuid[], ${column("idempotencyKey")}::text[],
        ${column("currency")}::text[], ${column("linesJson")}::text[],
        ${column("units").map(String)}::bigint[], ${column("totalMinor").map(String)}::bigint[],
        ${column("customerRef")}::text[], ${column("metadataJson")}::text[],
        ${column("contentHash")}::text[]
      ) AS i (store_id, order_id, idempotency_key, currency, lines, units, total_minor,
              customer_ref, metadata, content_hash)
      ORDER BY order_id
    ), totals AS (
      SELECT t.*, date_trunc('minute', placed_at, 'UTC') AS minute
      FROM moment, unnest(
        ${totals.map(({ part }) => String(part))}::bigint[],
        ${totals.map(({ storeId }) => storeId)}::text[],
        ${totals.map(({ currency }) => currency)}::text[],
        ${totals.map(({ orders }) => String(orders))}::bigint[],
        ${totals.map(({ units }) => String(units))}::numeric[],
        ${totals.map(({ revenueMinor }) => String(revenueMinor))}::numeric[]
      ) AS t (part, store_id, currency, orders, units, revenue_minor)
    ), products AS (
      SELECT p.*, (placed_at AT TIME ZONE 'UTC')::date AS day
      FROM moment, unnest(
        ${products.map(({ part }) => String(part))}::bigint[],
        ${products.map(({ storeId }) => storeId)}::text[],
        ${products.map(({ currency }) => currency)}::text[],
        ${products.map(({ sku }) => sku)}::text[],
        ${products.map(({ units }) => String(units))}::numeric[],
        ${products.map(({ revenueMinor }) => String(revenueMinor))}::numeric[]
      ) AS p (part, store_id, currency, sku, units, revenue_minor)
    ), ${sql.unsafe(JOURNALED)}
    )
    SELECT max(placed_at) AS placed_at FROM moment`;
  return row?.placed_at ?? null;
}
