/**
 * A recount computes the figures straight from the orders. It is slow, and it cannot be wrong.
 *
 * The audit checks the rollups against it, and the rebuild makes them from it. A recount reads
 * every order of its window, so it serves audits, rebuilds, the demo's last line and tests, but no
 * dashboard.
 *
 * Tested in tests/sql/figures/audit/audit_test.ts and tests/sql/figures/rebuild_test.ts.
 */
import type { Sql, Tx } from "../connection/database.ts";
import { ALL_STORES } from "./journal.ts";

/** Sums by currency and UTC minute, counted from the orders. */
export interface RecountedMinute {
  readonly currency: string;
  readonly minute: Date;
  readonly orders: string;
  readonly units: string;
  readonly revenue_minor: string;
  readonly cancelled_orders: string;
  readonly cancelled_revenue_minor: string;
}

/** The columns with the sums over a group of orders. */
export function sumsOfOrders(sql: Sql | Tx) {
  return sql`
    count(*) FILTER (WHERE cancelled_at IS NULL) AS orders,
    coalesce(sum(units) FILTER (WHERE cancelled_at IS NULL), 0) AS units,
    coalesce(sum(total_minor) FILTER (WHERE cancelled_at IS NULL), 0) AS revenue_minor,
    count(*) FILTER (WHERE cancelled_at IS NOT NULL) AS cancelled_orders,
    coalesce(sum(total_minor) FILTER (WHERE cancelled_at IS NOT NULL), 0)
      AS cancelled_revenue_minor`;
}

/** The columns with the sums over a group of order lines. */
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

/** A span of time from one instant up to another, ISO 8601. `to` is not in it. */
export interface Window {
  readonly from: string;
  readonly to: string;
}

/** The sums of a store's orders in a window by currency: a part of a statement. */
export function recountWindow(tx: Tx, storeId: string, { from, to }: Window) {
  return tx`
    SELECT currency, NULL AS sku, ${sumsOfOrders(tx)} FROM orders
    WHERE store_id = ${storeId} AND placed_at >= ${from} AND placed_at < ${to} GROUP BY 1`;
}

/** The sales of a store in a window by currency and product: a part of a statement. */
export function recountProducts(tx: Tx, storeId: string, { from, to }: Window) {
  return tx`
    SELECT currency, line->>'sku' AS sku, ${sumsOfLines(tx)}
    FROM orders, jsonb_array_elements(lines) AS line
    WHERE store_id = ${storeId} AND placed_at >= ${from} AND placed_at < ${to}
      AND cancelled_at IS NULL
    GROUP BY 1, 2`;
}
