/**
 * The journal's part of one bucket: pending sums of a store, added up by PostgreSQL.
 *
 * An audit needs it of a few stores and times. The fold takes whole rows instead: see journal.ts.
 * Tested in tests/sql/figures/audit/audit_test.ts.
 */
import type { Tx } from "../../connection/database.ts";
import { ENTRIES, JOURNAL_FORMAT } from "../journal.ts";
import type { Window } from "../recount.ts";

/** Each bucket sums the whole journal. An audit may sum so many entries, which takes some seconds. */
const MAX_SUMMED_ENTRIES = 5_000_000;
/** No bucket sums a journal that is longer than this. */
const MAX_PENDING_ENTRIES = 50_000;
/** The same for rows, which may hold few entries each. */
const MAX_PENDING_ROWS = 2_000;

/**
 * False while the journal is too long to be summed for so many buckets, or holds a row of a newer
 * version of Weir.
 */
export async function isReadable(tx: Tx, buckets: number): Promise<boolean> {
  const most = Math.min(MAX_PENDING_ENTRIES, Math.floor(MAX_SUMMED_ENTRIES / Math.max(1, buckets)));
  const [row] = await tx<{ is_readable: boolean | null }[]>`
    SELECT count(*) <= ${MAX_PENDING_ROWS} AND sum(size) <= ${most}
           AND max(format) <= ${JOURNAL_FORMAT} AS is_readable
    FROM (SELECT format, ${tx.unsafe(ENTRIES)} AS size FROM journal
          LIMIT ${MAX_PENDING_ROWS + 1}) AS seen`;
  return row?.is_readable ?? true; // null: the journal is empty
}

/** The sums of a store's orders in a window, several rows to a currency. */
export function pendingSums(tx: Tx, storeId: string, { from, to }: Window) {
  const lists = tx`store_ids, currencies, minutes, order_counts, units, revenue_minor,
                   cancelled_orders, cancelled_revenue_minor`;
  return tx`
    SELECT sums.currency, NULL AS sku, sums.orders, sums.units, sums.revenue_minor,
           sums.cancelled_orders, sums.cancelled_revenue_minor
    FROM (SELECT ${lists} FROM journal_sums UNION ALL SELECT ${lists} FROM journal) AS rows,
         unnest(${lists}) AS sums (store_id, currency, minute, orders, units, revenue_minor,
                                   cancelled_orders, cancelled_revenue_minor)
    WHERE store_id = ${storeId} AND minute >= ${from} AND minute < ${to}`;
}

/** The sums of a store's products on a day, several rows to a product. */
export function pendingProducts(tx: Tx, storeId: string, day: string) {
  const lists = tx`product_store_ids, product_currencies, product_days, product_skus,
                   product_units, product_revenue_minor`;
  return tx`
    SELECT sums.currency, sums.sku, sums.units, sums.revenue_minor
    FROM (SELECT ${lists} FROM journal_sums UNION ALL SELECT ${lists} FROM journal) AS rows,
         unnest(${lists}) AS sums (store_id, currency, day, sku, units, revenue_minor)
    WHERE store_id = ${storeId} AND day = ${day}`;
}
