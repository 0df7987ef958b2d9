/** Orders that a database has stored before a bench begins. */
import type { Sql } from "../../../sql/connection/driver.ts";

export const MILLION = 1_000_000;
export const STORES = 20;
export const PRODUCTS = 50;

/** Inserts orders spread evenly over today until now. The rollups do not have them yet. */
export async function fill(sql: Sql, count: number): Promise<void> {
  const piece = MILLION / 4;
  for (let from = 0; from < count; from += piece) {
    await sql`
      INSERT INTO orders (store_id, order_id, idempotency_key, currency, lines, units, total_minor,
                          customer_ref, metadata, content_hash, placed_at, committed_at)
      SELECT 'store-' || n % ${STORES}, gen_random_uuid(), 'filled-' || n, 'EUR',
             jsonb_build_array(jsonb_build_object('sku', 'sku-' || n % ${PRODUCTS},
                                                  'quantity', 1, 'unitPriceMinor', 100 + n % 997)),
             1, 100 + n % 997, 'customer-' || n % 1000, '{}', '\\x00',
             now() - random() * (now() - date_trunc('day', now(), 'UTC')), now()
      FROM generate_series(${from}::bigint, ${from + piece - 1}::bigint) AS n`;
  }
}
