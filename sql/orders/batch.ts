/**
 * Group commit: one batch of orders, one autocommit statement, and what it adds to the journal.
 *
 * A batch of new orders goes the quick way (batch/quick_way.ts). All other batches, and those that the quick
 * way did not take, are for the statement here.
 *
 * The statement inserts the orders that are new, and writes the sums of exactly these orders to the
 * journal: as one row, or as one for each part (batch/journal_parts.ts). It is one statement, so no
 * transaction stays open between round trips, and a paused instance blocks nobody. Rows are inserted
 * in the order of their ids: two batches with common keys wait for each other in the same order and
 * cannot deadlock.
 *
 * The same statement settles the open dead letters of the inserted orders, because each was placed
 * again with content that the database accepts. An order that was acknowledged as spilled keeps the
 * time of that acknowledgement.
 *
 * A second statement reads the orders that were not new. The first statement cannot read them:
 * while it waits, another transaction may commit a row that the first statement's snapshot does not
 * show.
 */
import type { NewOrder } from "./new_order.ts";
import type { Sql, Tx } from "../connection/database.ts";
import { JOURNALED } from "./batch/journaled.ts";
import { journalParts } from "./batch/journal_parts.ts";
import { QuickWay } from "./batch/quick_way.ts";
import { classify } from "../connection/failure.ts";
import { type Column, standbyHasIt, storesSomething } from "../connection/standby.ts";
import { iso } from "../time.ts";

/**
 * The most that the orders of a batch may have in bulk. This bound keeps the batch's transaction short,
 * and the fold of its journal row: each line may sell another product, and each product is one more row
 * of the rollups.
 */
export const MAX_BATCH_BULK = 5_000;
/** An order of so many lines is a small one. */
const SMALL_LINES = 5;
/**
 * So a batch has four orders of a hundred lines. The p99 of small orders beside such orders is 20 to
 * 28 ms then, 46 to 53 ms with ten of them in a batch and 66 to 68 ms with fifty. The factor is not for
 * the first lines, because a far database needs batches of many small orders.
 */
const WIDE_FACTOR = 12;

/** The bulk of an order: a line counts as one, and each line past the fifth as twelve. */
export function bulkOf(lineCount: number): number {
  return lineCount + (WIDE_FACTOR - 1) * Math.max(0, lineCount - SMALL_LINES);
}

/** The most bulk that so many lines may have. */
export function mostBulkOf(lineCount: number): number {
  return WIDE_FACTOR * lineCount;
}

/** The row under an order's id after the batch. */
export interface StoredOrder {
  /** True when this batch inserted it. */
  readonly isNew: boolean;
  readonly contentHash: string;
  readonly placedAt: string;
}

/**
 * Commits a batch. Not for a transaction: a try in vain of the quick way would abort it.
 * @param orders at most one per order id.
 * @param quickWay of the writer whose batch it is. Default: one that knows nothing of batches before.
 *
 * A second call with the same orders adds nothing and returns the same rows with `isNew: false`. So
 * the call may be repeated after an unknown outcome. A batch without orders writes a message to the
 * server's log. So it fails on a read-only server and waits for the standby, as a batch with orders
 * does.
 * @returns the stored rows by order id. An order that is missing there was stored before this call,
 *   and its row could not be read; or a trigger has dropped it.
 * @throws the error of the driver. After a definite answer nothing was committed. Without one the
 *   whole batch may have been committed.
 */
export async function commitBatch(
  sql: Sql,
  orders: readonly NewOrder[],
  quickWay: QuickWay = new QuickWay(),
): Promise<Map<string, StoredOrder>> {
  let inserted: Inserted;
  try {
    const placedAt = await quickWay.insert(sql, orders);
    inserted = placedAt === null
      ? await insertNew(sql, orders)
      : { placed_at: placedAt, new_ids: null, acknowledged: null };
  } catch (error) {
    // PostgreSQL checks constraints before the primary key. So a new constraint may refuse an order
    // that was stored before the constraint was added. Therefore look whether the order is stored.
    if (orders.length !== 1 || classify(error).kind !== "data") throw error;
    const known = await readStored(sql, orders);
    if (known.size === 0) throw error;
    return known;
  }
  const { placed_at, new_ids, acknowledged } = inserted;
  const stored = new Map<string, StoredOrder>();
  const newIds = new Set(new_ids ?? orders.map((order) => order.orderId));
  for (const { orderId, contentHash, placedAt } of orders) {
    if (!newIds.has(orderId)) continue;
    const times = [placedAt, acknowledged?.[orderId]].filter((time) => time != null);
    const at = times.length === 0 ? placed_at.getTime() : Math.min(...times.map(Date.parse));
    stored.set(orderId, { isNew: true, contentHash, placedAt: iso(at) });
  }
  if (stored.size === orders.length) return stored;
  const others = orders.filter((order) => !stored.has(order.orderId));
  try {
    return new Map([...stored, ...await readStored(sql, others)]);
  } catch (error) {
    // The inserted orders are committed although this read failed. Their callers must hear that, and
    // only the other orders are sent again.
    if (stored.size === 0) throw error;
    return stored;
  }
}

interface Inserted {
  /** The statement's time: the placing time of every order that did not bring one. */
  readonly placed_at: Date;
  /** Null when all orders are new: the usual case, and cheaper to send. */
  readonly new_ids: string[] | null;
  /** The times of orders that were acknowledged before they became dead letters; null: none was. */
  readonly acknowledged: Readonly<Record<string, string>> | null;
}

/** Inserts the new orders. @throws the error of the driver; then nothing was inserted */
export function insertNew(sql: Sql | Tx, orders: readonly NewOrder[]): Promise<Inserted> {
  // Orders write to the log by themselves.
  if (orders.length > 0) return insertWith(sql, orders, sql.unsafe("NULL"));
  return storesSomething(sql, (probe) => insertWith(sql, orders, probe));
}

/** The sums of the rows in `parted`. */
const COUNTED = `
totals AS (
      SELECT part, store_id, currency, date_trunc('minute', placed_at, 'UTC') AS minute,
             count(*) AS orders, sum(units) AS units, sum(total_minor) AS revenue_minor
      FROM parted GROUP BY 1, 2, 3, 4
    ), products AS (
      SELECT part, store_id, currency, (placed_at AT TIME ZONE 'UTC')::date AS day,
             line->>'sku' AS sku, sum((line->>'quantity')::bigint) AS units,
             sum((line->>'quantity')::bigint * (line->>'unitPriceMinor')::bigint) AS revenue_minor
      FROM parted, jsonb_array_elements(lines) AS line GROUP BY 1, 2, 3, 4, 5`;

async function insertWith(sql: Sql | Tx, orders: readonly NewOrder[], probe: Column) {
  const column = <K extends keyof NewOrder>(name: K) => orders.map((order) => order[name]);
  const parts = journalParts(orders);
  // In most batches all orders share a part, and nothing has to be joined. The text is the same for
  // all batches: a new one would cost a round trip more, which a far database has no time for.
  const isParted = new Set(parts).size > 1;
  const [row] = await sql<Inserted[]>`
    WITH input AS (
      SELECT * FROM unnest(
        ${column("storeId")}::text[], ${column("orderId")}::uuid[],
        ${column("idempotencyKey")}::text[], ${column("currency")}::text[],
        ${column("linesJson")}::text[], ${column("units").map(String)}::bigint[],
        ${column("totalMinor").map(String)}::bigint[], ${column("customerRef")}::text[],
        ${column("metadataJson")}::text[], ${column("contentHash")}::text[],
        ${column("placedAt")}::timestamptz[], ${parts.map(String)}::bigint[]
      ) AS i (store_id, order_id, idempotency_key, currency, lines, units, total_minor,
              customer_ref, metadata, content_hash, placed_at, part)
    ), acknowledged AS (
      SELECT d.order_id, min(d.placed_at) AS placed_at
      FROM input i JOIN dead_letters d
        ON d.store_id = i.store_id AND d.order_id = i.order_id AND d.state = 'open'
      WHERE d.placed_at IS NOT NULL GROUP BY 1
    ), inserted AS (
      INSERT INTO orders (store_id, order_id, idempotency_key, currency, lines, units, total_minor,
                          customer_ref, metadata, content_hash, placed_at, committed_at)
      SELECT store_id, order_id, idempotency_key, currency, lines::jsonb, units, total_minor,
             customer_ref, metadata::jsonb, decode(content_hash, 'hex'),
             coalesce(least(i.placed_at, a.placed_at), date_trunc('milliseconds', now())), now()
      FROM input i LEFT JOIN acknowledged a USING (order_id) ORDER BY order_id
      ON CONFLICT (store_id, order_id) DO NOTHING
      RETURNING store_id, order_id, currency, lines, units, total_minor, placed_at
    ), parted AS (
      SELECT n.*, coalesce(i.part, ${parts[0] ?? 0}::bigint) AS part
      FROM inserted n LEFT JOIN (
        SELECT store_id, order_id, part FROM input WHERE ${isParted}::boolean
      ) AS i USING (store_id, order_id)
    ), ${sql.unsafe(COUNTED)}
    ), ${sql.unsafe(JOURNALED)}
    ), settled AS (
      UPDATE dead_letters d SET state = 'settled', closed_at = now(), closed_by = 'intake'
      FROM inserted i
      WHERE d.store_id = i.store_id AND d.order_id = i.order_id AND d.state = 'open'
    )
    SELECT date_trunc('milliseconds', now()) AS placed_at,
           CASE WHEN (SELECT count(*) FROM inserted) < ${orders.length}
                THEN ARRAY(SELECT order_id::text FROM inserted) END AS new_ids,
           (SELECT json_object_agg(order_id, placed_at) FROM acknowledged) AS acknowledged,
           ${probe} AS probe`;
  if (row === undefined) throw new Error("a SELECT without FROM returned no row");
  return row;
}

interface KnownRow {
  readonly order_id: string;
  readonly placed_at: Date;
  readonly content_hash: string;
}

/** The rows under the ids of these orders, once no failover can lose them. */
export async function readStored(
  sql: Sql | Tx,
  orders: readonly NewOrder[],
): Promise<Map<string, StoredOrder>> {
  const rows = await standbyHasIt(sql, (waited) =>
    sql<KnownRow[]>`
      SELECT o.order_id, o.placed_at, encode(o.content_hash, 'hex') AS content_hash,
             ${waited} AS waited
      FROM unnest(${orders.map((order) => order.storeId)}::text[],
                  ${orders.map((order) => order.orderId)}::uuid[]) AS i (store_id, order_id)
      JOIN orders o ON o.store_id = i.store_id AND o.order_id = i.order_id`);
  return new Map(rows.map(({ order_id, content_hash, placed_at }) => [order_id, {
    isNew: false,
    contentHash: content_hash,
    placedAt: iso(placed_at),
  }]));
}
