/**
 * Cancelling an order. One statement marks the order and writes a journal row that subtracts it from
 * its own minute and day. So the fold needs no code for cancellations.
 */
import type { Cancellation } from "../../client/contract/order.ts";
import type { Sql } from "../connection/database.ts";
import { JOURNAL_FORMAT } from "../figures/journal.ts";
import { standbyHasIt } from "../connection/standby.ts";
import { iso } from "../time.ts";

/**
 * Cancels an order. @returns null when the database has none of this id.
 * @throws the error of the driver; then the order may have been cancelled, and a repeat is safe
 */
export async function cancelOrder(
  sql: Sql,
  order: { storeId: string; orderId: string; reason: string | null },
): Promise<Cancellation | null> {
  for (;;) {
    const [cancelled] = await markCancelled(sql, order);
    if (cancelled !== undefined) {
      return { cancelledAt: iso(cancelled.cancelled_at), replayed: false };
    }
    const [known] = await standbyHasIt(sql, (waited) =>
      sql<{ cancelled_at: Date | null }[]>`
        SELECT cancelled_at, ${waited} AS waited FROM orders
        WHERE store_id = ${order.storeId} AND order_id = ${order.orderId}`);
    if (known === undefined) return null;
    if (known.cancelled_at !== null) {
      return { cancelledAt: iso(known.cancelled_at), replayed: true };
    }
    // The order was committed between the two statements, so the next attempt marks it.
  }
}

function markCancelled(
  sql: Sql,
  { storeId, orderId, reason }: { storeId: string; orderId: string; reason: string | null },
): Promise<{ cancelled_at: Date }[]> {
  return sql<{ cancelled_at: Date }[]>`
    WITH cancelled AS (
      UPDATE orders
      SET cancelled_at = date_trunc('milliseconds', now()), cancel_reason = ${reason}
      WHERE store_id = ${storeId} AND order_id = ${orderId} AND cancelled_at IS NULL
      RETURNING store_id, currency, lines, units, total_minor, placed_at, cancelled_at
    ), products AS (
      SELECT store_id, currency, (placed_at AT TIME ZONE 'UTC')::date AS day, line->>'sku' AS sku,
             -sum((line->>'quantity')::bigint) AS units,
             -sum((line->>'quantity')::bigint * (line->>'unitPriceMinor')::bigint) AS revenue_minor
      FROM cancelled, jsonb_array_elements(lines) AS line GROUP BY 1, 2, 3, 4
    ), journaled AS (
      INSERT INTO journal (batch_id, format, orders, entries, store_id)
      SELECT gen_random_uuid(), ${JOURNAL_FORMAT}, 0, 1 + (SELECT count(*) FROM products), store_id
      FROM cancelled RETURNING batch_id
    ), summed AS (
      INSERT INTO journal_sums (batch_id, store_ids, currencies, minutes, order_counts, units,
                                revenue_minor, cancelled_orders, cancelled_revenue_minor,
                                product_store_ids, product_currencies, product_days, product_skus,
                                product_units, product_revenue_minor)
      SELECT j.batch_id, ARRAY[c.store_id], ARRAY[c.currency],
             ARRAY[date_trunc('minute', c.placed_at, 'UTC')], ARRAY[-1], ARRAY[-c.units],
             ARRAY[-c.total_minor], ARRAY[1], ARRAY[c.total_minor], p.*
      FROM journaled j, cancelled c,
           (SELECT array_agg(store_id), array_agg(currency), array_agg(day), array_agg(sku),
                   array_agg(units), array_agg(revenue_minor) FROM products) AS p
    )
    SELECT cancelled_at FROM cancelled`;
}
