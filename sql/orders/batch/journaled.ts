/**
 * The part of a batch's statement that writes its sums into the journal, a row for each part
 * (journal_parts.ts). It reads the sums from `totals` and `products`.
 *
 * Tested in tests/sql/orders/batch_test.ts and batch/quick_way_test.ts.
 */
import { JOURNAL_FORMAT } from "../../figures/journal.ts";

export const JOURNALED = `
lists AS MATERIALIZED (
      SELECT gen_random_uuid() AS batch_id, * FROM
        (SELECT part, sum(orders) AS orders, array_agg(store_id), array_agg(currency),
                array_agg(minute), array_agg(orders), array_agg(units), array_agg(revenue_minor),
                array_agg(0), array_agg(0)
         FROM totals GROUP BY 1)
          AS t (part, orders, store_ids, currencies, minutes, order_counts, units, revenue_minor,
                cancelled_orders, cancelled_revenue_minor)
        JOIN (SELECT part, array_agg(store_id), array_agg(currency), array_agg(day), array_agg(sku),
                     array_agg(units), array_agg(revenue_minor)
              FROM products GROUP BY 1)
          AS p (part, product_store_ids, product_currencies, product_days, product_skus,
                product_units, product_revenue_minor)
        USING (part)
    ), journaled AS (
      INSERT INTO journal (batch_id, format, orders, entries, store_id)
      SELECT batch_id, ${JOURNAL_FORMAT}, orders,
             cardinality(store_ids) + cardinality(product_store_ids),
             CASE WHEN part > 0 THEN store_ids[1] END
      FROM lists
    ), summed AS (
      INSERT INTO journal_sums (batch_id, store_ids, currencies, minutes, order_counts, units,
                                revenue_minor, cancelled_orders, cancelled_revenue_minor,
                                product_store_ids, product_currencies, product_days, product_skus,
                                product_units, product_revenue_minor)
      SELECT batch_id, store_ids, currencies, minutes, order_counts, units, revenue_minor,
             cancelled_orders, cancelled_revenue_minor, product_store_ids, product_currencies,
             product_days, product_skus, product_units, product_revenue_minor
      FROM lists`;
