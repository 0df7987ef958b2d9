/**
 * Group commit: one batch of orders, one autocommit statement, one journal row.
 *
 * The statement inserts the orders that are new, and writes one journal row of what those (and only
 * those) add to the figures. It is one statement, so no transaction stays open between round trips
 * and a paused instance blocks nobody. Rows go in sorted by order id, so that two batches that
 * share keys wait for each other in one order and cannot deadlock.
 *
 * Keys that were not new are read by a second statement: a row that another transaction committed
 * while the first waited for it is neither inserted nor visible to the first one's snapshot.
 */
import type { NewOrder } from "./order.ts";
import type { Sql } from "./database.ts";
import { iso } from "./time.ts";

/** The layout of `journal.adds` that this version writes; `journal.ts` reads it. */
export const JOURNAL_FORMAT = 1;

/** What the database holds under an order's id after the batch. */
export interface StoredOrder {
  /** True when this batch put it there. */
  readonly isNew: boolean;
  readonly contentHash: string;
  readonly placedAt: string;
}

/**
 * Commits a batch.
 * @param orders at most one per order id.
 * @returns what is stored now, by order id. Called again with the same orders, it adds nothing and
 *   returns the same with `isNew: false`, so it may be repeated after an unknown outcome.
 * @throws what the driver throws; then nothing, or (when no answer came) all of it was committed.
 */
export async function commitBatch(
  sql: Sql,
  orders: readonly NewOrder[],
): Promise<Map<string, StoredOrder>> {
  const stored = new Map<string, StoredOrder>();
  const hashes = new Map(orders.map((order) => [order.orderId, order.contentHash]));
  for (const row of await insertNew(sql, orders)) {
    const contentHash = hashes.get(row.order_id) ?? "";
    stored.set(row.order_id, { isNew: true, contentHash, placedAt: iso(row.placed_at) });
  }
  const known = orders.filter((order) => !stored.has(order.orderId));
  if (known.length > 0) {
    for (const row of await readKnown(sql, known)) {
      stored.set(row.order_id, {
        isNew: false,
        contentHash: row.content_hash,
        placedAt: iso(row.placed_at),
      });
    }
  }
  return stored;
}

interface InsertedRow {
  readonly order_id: string;
  readonly placed_at: Date;
}

function insertNew(sql: Sql, orders: readonly NewOrder[]): Promise<InsertedRow[]> {
  const column = <K extends keyof NewOrder>(name: K) => orders.map((order) => order[name]);
  return sql<InsertedRow[]>`
    WITH input AS (
      SELECT * FROM unnest(
        ${column("storeId")}::text[], ${column("orderId")}::uuid[],
        ${column("idempotencyKey")}::text[], ${column("currency")}::text[],
        ${column("linesJson")}::text[], ${column("units").map(String)}::bigint[],
        ${column("totalMinor").map(String)}::bigint[], ${column("customerRef")}::text[],
        ${column("metadataJson")}::text[], ${column("contentHash")}::text[],
        ${column("placedAt")}::timestamptz[]
      ) AS i (store_id, order_id, idempotency_key, currency, lines, units, total_minor,
              customer_ref, metadata, content_hash, placed_at)
    ), inserted AS (
      INSERT INTO orders (store_id, order_id, idempotency_key, currency, lines, units, total_minor,
                          customer_ref, metadata, content_hash, placed_at, committed_at)
      SELECT store_id, order_id, idempotency_key, currency, lines::jsonb, units, total_minor,
             customer_ref, metadata::jsonb, decode(content_hash, 'hex'),
             coalesce(placed_at, date_trunc('milliseconds', now())), now()
      FROM input ORDER BY order_id
      ON CONFLICT (store_id, order_id) DO NOTHING
      RETURNING store_id, order_id, currency, lines, units, total_minor, placed_at
    ), totals AS (
      SELECT store_id, currency, date_trunc('minute', placed_at, 'UTC') AS minute,
             count(*) AS orders, sum(units) AS units, sum(total_minor) AS revenue_minor
      FROM inserted GROUP BY 1, 2, 3
    ), products AS (
      SELECT store_id, currency, date_trunc('day', placed_at, 'UTC') AS day, line->>'sku' AS sku,
             sum((line->>'quantity')::bigint) AS units,
             sum((line->>'quantity')::bigint * (line->>'unitPriceMinor')::bigint) AS revenue_minor
      FROM inserted, jsonb_array_elements(lines) AS line GROUP BY 1, 2, 3, 4
    ), journaled AS (
      INSERT INTO journal (batch_id, format, orders, adds)
      SELECT gen_random_uuid(), ${JOURNAL_FORMAT}, (SELECT count(*) FROM inserted),
        jsonb_build_object(
          'totals', (SELECT jsonb_agg(jsonb_build_array(store_id, currency,
              extract(epoch FROM minute)::bigint, orders, units::text, revenue_minor::text, 0, '0'))
            FROM totals),
          'products', (SELECT jsonb_agg(jsonb_build_array(store_id, currency,
              extract(epoch FROM day)::bigint, sku, units::text, revenue_minor::text))
            FROM products))
      WHERE EXISTS (SELECT FROM inserted)
    )
    SELECT order_id, placed_at FROM inserted`;
}

interface KnownRow extends InsertedRow {
  readonly content_hash: string;
}

function readKnown(sql: Sql, orders: readonly NewOrder[]): Promise<KnownRow[]> {
  return sql<KnownRow[]>`
    SELECT o.order_id, o.placed_at, encode(o.content_hash, 'hex') AS content_hash
    FROM unnest(${orders.map((order) => order.storeId)}::text[],
                ${orders.map((order) => order.orderId)}::uuid[]) AS i (store_id, order_id)
    JOIN orders o ON o.store_id = i.store_id AND o.order_id = i.order_id`;
}
