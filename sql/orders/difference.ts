/**
 * The fields in which an order differs from the order that is stored under its key, by their names
 * and without their values.
 *
 * Tested in tests/sql/orders/dead_letters_test.ts.
 */
import type { Sql } from "../connection/database.ts";
import type { NewOrder } from "./new_order.ts";

/** The names as a client writes them. Empty when no order is stored, or when no field differs. */
export async function differingFields(sql: Sql, order: NewOrder): Promise<string[]> {
  const rows = await sql<{ field: string }[]>`
    SELECT field FROM orders, LATERAL (VALUES
      (1, 'currency', currency = ${order.currency}),
      (2, 'lines', lines = ${order.linesJson}::text::jsonb),
      (3, 'customerRef', customer_ref IS NOT DISTINCT FROM ${order.customerRef}),
      (4, 'metadata', metadata = ${order.metadataJson}::text::jsonb)
    ) AS fields (place, field, is_equal)
    WHERE store_id = ${order.storeId} AND order_id = ${order.orderId} AND NOT is_equal
    ORDER BY place`;
  return rows.map(({ field }) => field);
}
