/** The rows of a journal, for tests that add them up themselves or make older ones. */
import type { JournalRow } from "../../../sql/figures/journal.ts";
import type { TestSql } from "../services/database.ts";

/** The rows, in no order. Call it in one snapshot, or while nothing folds. */
export async function readJournal(sql: TestSql): Promise<JournalRow[]> {
  const rows = await sql<(JournalRow & { batch_id: string })[]>`select * from journal`;
  const lists = await sql<{ batch_id: string }[]>`select * from journal_sums`;
  const byId = new Map(lists.map((row) => [row.batch_id, row]));
  return rows.map((row) => ({ ...row, ...byId.get(row.batch_id) }));
}

/** Makes the rows of the journal those of the version before: a row holds its lists itself. */
export async function toFormat1(sql: TestSql): Promise<void> {
  await sql`
    with s as (delete from journal_sums returning *)
    update journal j set format = 1, store_ids = s.store_ids, currencies = s.currencies,
      minutes = s.minutes, order_counts = s.order_counts, units = s.units,
      revenue_minor = s.revenue_minor, cancelled_orders = s.cancelled_orders,
      cancelled_revenue_minor = s.cancelled_revenue_minor,
      product_store_ids = s.product_store_ids, product_currencies = s.product_currencies,
      product_days = s.product_days, product_skus = s.product_skus,
      product_units = s.product_units, product_revenue_minor = s.product_revenue_minor
    from s where s.batch_id = j.batch_id`;
}
