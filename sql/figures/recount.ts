/**
 * Recounting: the figures straight from the orders, the slow way that cannot be wrong.
 *
 * This is what the rollups are checked against, and made anew from. It reads every order of its
 * window, so it is for auditing, for the demo's last line and for tests, never for a dashboard.
 */
import type { Sql, Tx } from "../connection/database.ts";
import { ALL_STORES } from "./journal.ts";

/** Sums by currency, counted from the orders. */
export interface RecountedSums {
  readonly currency: string;
  readonly orders: string;
  readonly units: string;
  readonly revenue_minor: string;
  readonly cancelled_orders: string;
  readonly cancelled_revenue_minor: string;
}

/** Sums by currency and UTC minute, counted from the orders. */
export interface RecountedMinute extends RecountedSums {
  readonly minute: Date;
}

export interface RecountedProduct {
  readonly currency: string;
  readonly sku: string;
  readonly units: string;
  readonly revenue_minor: string;
}

/** The sums over a group of orders, by their names. */
export function sumsOfOrders(sql: Sql | Tx) {
  return sql`
    count(*) FILTER (WHERE cancelled_at IS NULL) AS orders,
    coalesce(sum(units) FILTER (WHERE cancelled_at IS NULL), 0) AS units,
    coalesce(sum(total_minor) FILTER (WHERE cancelled_at IS NULL), 0) AS revenue_minor,
    count(*) FILTER (WHERE cancelled_at IS NOT NULL) AS cancelled_orders,
    coalesce(sum(total_minor) FILTER (WHERE cancelled_at IS NOT NULL), 0)
      AS cancelled_revenue_minor`;
}

/** The sums over a group of order lines, by their names. */
export function sumsOfLines(sql: Sql | Tx) {
  return sql`
    sum((line->>'quantity')::numeric) AS units,
    sum((line->>'quantity')::numeric * (line->>'unitPriceMinor')::numeric) AS revenue_minor`;
}

/** Recounts the minutes of `scope`. */
export function recountMinutes(sql: Sql, scope: string): Promise<RecountedMinute[]> {
  return sql<RecountedMinute[]>`
    SELECT currency, date_trunc('minute', placed_at, 'UTC') AS minute, ${sumsOfOrders(sql)}
    FROM orders WHERE ${scope} = ${ALL_STORES} OR store_id = ${scope}
    GROUP BY 1, 2 ORDER BY 1, 2`;
}

/** From one instant up to another, ISO 8601. */
export interface Window {
  readonly from: string;
  readonly to: string;
}

/** Recounts a store's orders of a window, by currency. */
export function recountWindow(
  sql: Sql | Tx,
  storeId: string,
  { from, to }: Window,
): Promise<RecountedSums[]> {
  return sql<RecountedSums[]>`
    SELECT currency, ${sumsOfOrders(sql)} FROM orders
    WHERE store_id = ${storeId} AND placed_at >= ${from} AND placed_at < ${to} GROUP BY 1`;
}

/** Recounts what a store sold in a window, by currency and product. */
export function recountProducts(
  sql: Sql | Tx,
  storeId: string,
  { from, to }: Window,
): Promise<RecountedProduct[]> {
  return sql<RecountedProduct[]>`
    SELECT currency, line->>'sku' AS sku, ${sumsOfLines(sql)}
    FROM orders, jsonb_array_elements(lines) AS line
    WHERE store_id = ${storeId} AND placed_at >= ${from} AND placed_at < ${to}
      AND cancelled_at IS NULL
    GROUP BY 1, 2`;
}
