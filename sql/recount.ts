/**
 * Recounting: the figures straight from the orders, the slow way that cannot be wrong.
 *
 * This is what the rollups are checked against. It reads every order of a scope, so it is for
 * auditing, for the demo's last line and for tests, never for a dashboard.
 */
import type { Sql } from "./database.ts";
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

/** How many orders the database holds. */
export async function countOrders(sql: Sql): Promise<number> {
  const [row] = await sql<{ count: string }[]>`SELECT count(*) FROM orders`;
  return Number(row?.count);
}

/** Recounts the minutes of `scope`. */
export function recountMinutes(sql: Sql, scope: string): Promise<RecountedMinute[]> {
  return sql<RecountedMinute[]>`
    SELECT currency, date_trunc('minute', placed_at, 'UTC') AS minute,
           count(*) FILTER (WHERE cancelled_at IS NULL) AS orders,
           coalesce(sum(units) FILTER (WHERE cancelled_at IS NULL), 0) AS units,
           coalesce(sum(total_minor) FILTER (WHERE cancelled_at IS NULL), 0) AS revenue_minor,
           count(*) FILTER (WHERE cancelled_at IS NOT NULL) AS cancelled_orders,
           coalesce(sum(total_minor) FILTER (WHERE cancelled_at IS NOT NULL), 0)
             AS cancelled_revenue_minor
    FROM orders WHERE ${scope} = ${ALL_STORES} OR store_id = ${scope}
    GROUP BY 1, 2 ORDER BY 1, 2`;
}
