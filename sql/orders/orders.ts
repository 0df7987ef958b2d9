/**
 * Reading orders back: one order by its id, many orders in keyset pages.
 */
import { z } from "zod";
import type { Pool, Sql } from "../connection/database.ts";
import type { Order, OrderLine, OrderPage, OrderStatus } from "../../client/contract/order.ts";
import { decodeCursor, encodeCursor } from "./cursor.ts";
import { ITEM_BYTES, MAX_PAGE_BYTES, pageOf } from "./page.ts";
import { iso } from "../time.ts";

interface OrderRow {
  readonly store_id: string;
  readonly order_id: string;
  readonly idempotency_key: string;
  readonly currency: string;
  readonly lines: OrderLine[];
  readonly total_minor: string;
  readonly customer_ref: string | null;
  readonly metadata: Record<string, string>;
  readonly placed_at: Date;
  readonly committed_at: Date;
  readonly cancelled_at: Date | null;
  readonly cancel_reason: string | null;
}

/** The order, or null when the database has no order with this id. */
export async function readOrder(
  pool: Pool,
  storeId: string,
  orderId: string,
): Promise<Order | null> {
  const [row] = await pool.run((sql) =>
    sql<OrderRow[]>`
      SELECT ${columns(sql)} FROM orders WHERE store_id = ${storeId} AND order_id = ${orderId}`
  );
  return row === undefined ? null : orderOf(row);
}

export interface ListOptions {
  readonly storeId: string;
  readonly limit: number;
  readonly cursor: OrderCursor | null;
  readonly status: OrderStatus | null;
}

/** Where a page begins: after the order with this placing time and id. */
export interface OrderCursor {
  readonly placedAt: string;
  readonly orderId: string;
}

/**
 * A store's orders, newest first by `placedAt` and id, bounded in bytes (page.ts). The walk begins at
 * the cursor, or before the newest order.
 */
export async function listOrders(pool: Pool, options: ListOptions): Promise<OrderPage> {
  const { storeId, limit, cursor, status } = options;
  const { placedAt, orderId } = cursor ?? BEFORE_ALL;
  // The JSON is turned into text once, for its length and for the answer.
  const rows = await pool.run((sql) =>
    sql<WalkedRow[]>`
      WITH RECURSIVE walk AS (
        SELECT 0 AS number, 0 AS bytes, ${placedAt}::text::timestamptz AS placed_at,
               ${orderId}::uuid AS order_id, NULL AS idempotency_key, NULL AS currency,
               NULL AS lines, NULL::bigint AS total_minor, NULL AS customer_ref, NULL AS metadata,
               NULL::timestamptz AS committed_at, NULL::timestamptz AS cancelled_at,
               NULL AS cancel_reason
        UNION ALL
        SELECT number + 1, bytes + ${ITEM_BYTES} + octet_length(concat(
                 next.idempotency_key, next.lines, next.customer_ref, next.metadata,
                 next.cancel_reason)), next.*
        FROM walk, LATERAL (
          SELECT placed_at, order_id, idempotency_key, currency, lines::text AS lines, total_minor,
                 customer_ref, metadata::text AS metadata, committed_at, cancelled_at, cancel_reason
          FROM orders WHERE store_id = ${storeId} ${statusCondition(sql, status)}
            AND (placed_at, order_id) < (walk.placed_at, walk.order_id)
          ORDER BY placed_at DESC, order_id DESC LIMIT 1
        ) AS next
        WHERE number <= ${limit} AND bytes <= ${MAX_PAGE_BYTES}
      )
      SELECT ${storeId} AS store_id, * FROM walk WHERE number > 0 ORDER BY number`
  );
  const { page, hasMore } = pageOf(rows, limit);
  const orders = page.map((row) =>
    orderOf({ ...row, lines: JSON.parse(row.lines), metadata: JSON.parse(row.metadata) })
  );
  const last = orders.at(-1);
  return {
    orders,
    nextCursor: hasMore && last !== undefined ? encodeCursor([last.placedAt, last.orderId]) : null,
  };
}

/** A row of the walk, its JSON as text. */
interface WalkedRow extends Omit<OrderRow, "lines" | "metadata"> {
  readonly bytes: number;
  readonly lines: string;
  readonly metadata: string;
}

/** The cursor of the first page. Each order comes after it. */
const BEFORE_ALL: OrderCursor = {
  placedAt: "infinity",
  orderId: "ffffffff-ffff-ffff-ffff-ffffffffffff",
};

/** ISO 8601 with milliseconds. PostgreSQL knows no year 0, so the year has to begin with a 2. */
const cursorTime = z.iso.datetime().startsWith("2");

/** The cursor in `text`; null when the text is not one of this list. */
export function decodeOrderCursor(text: string): OrderCursor | null {
  const key = decodeCursor(text, cursorTime);
  return key === null ? null : { placedAt: key[0], orderId: key[1] };
}

/** This table holds committed and cancelled orders alone: no other status finds a row. */
function statusCondition(sql: Sql, status: OrderStatus | null) {
  switch (status) {
    case null:
      return sql``;
    case "committed":
      return sql`AND cancelled_at IS NULL`;
    case "cancelled":
      return sql`AND cancelled_at IS NOT NULL`;
    case "spilled":
    case "dead_lettered":
      return sql`AND false`;
  }
}

function columns(sql: Sql) {
  return sql`store_id, order_id, idempotency_key, currency, lines, total_minor, customer_ref,
    metadata, placed_at, committed_at, cancelled_at, cancel_reason`;
}

function orderOf(row: OrderRow): Order {
  return {
    storeId: row.store_id,
    orderId: row.order_id,
    idempotencyKey: row.idempotency_key,
    status: row.cancelled_at === null ? "committed" : "cancelled",
    currency: row.currency,
    lines: row.lines,
    totalMinor: Number(row.total_minor),
    customerRef: row.customer_ref,
    metadata: row.metadata,
    placedAt: iso(row.placed_at),
    committedAt: iso(row.committed_at),
    cancelledAt: row.cancelled_at === null ? null : iso(row.cancelled_at),
    cancelReason: row.cancel_reason,
  };
}
