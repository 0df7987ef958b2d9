/**
 * Reading orders back: one order by its id, many orders in keyset pages.
 */
import { z } from "zod";
import type { Pool, Sql } from "../connection/database.ts";
import type { Order, OrderLine, OrderPage, OrderStatus } from "../../client/contract/order.ts";
import { decodeCursor, encodeCursor } from "./cursor.ts";
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

/** A store's orders, newest first by `placedAt` and id. */
export async function listOrders(pool: Pool, options: ListOptions): Promise<OrderPage> {
  const { storeId, limit, cursor, status } = options;
  const rows = await pool.run((sql) =>
    sql<OrderRow[]>`
      SELECT ${columns(sql)} FROM orders WHERE store_id = ${storeId}
      ${
      cursor === null
        ? sql``
        : sql`AND (placed_at, order_id) < (${cursor.placedAt}::timestamptz, ${cursor.orderId}::uuid)`
    } ${statusCondition(sql, status)}
      ORDER BY placed_at DESC, order_id DESC LIMIT ${limit + 1}`
  );
  const orders = rows.slice(0, limit).map(orderOf);
  const last = orders.at(-1);
  return {
    orders,
    nextCursor: rows.length > limit && last !== undefined
      ? encodeCursor([last.placedAt, last.orderId])
      : null,
  };
}

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
