/**
 * The purpose of each table and view. `sql/schema.sql` lists them in this order, each below its
 * purpose.
 */
export const PURPOSES: Readonly<Record<string, string>> = {
  orders: `The orders, and the only truth: every figure can be recounted from them. order_id is
    derived from store_id and idempotency_key, so the primary key makes a repeated order one order.`,
  dead_letters: `Orders that the database refused for their content, and overflow orders whose key
    already belonged to other content. A closed letter keeps the refused order, the operator and the
    reason. placed_at is null when the order was never acknowledged.`,
  journal: `One row for each batch of new or cancelled orders. The statement that writes the orders
    writes the row, and the fold that adds the row to the rollups deletes it. Rows live for milliseconds, so
    autovacuum must run far more often than by default. The lists in this table are those of format 1.
    Rows of format 2 have their lists in journal_sums.`,
  journal_sums: `The lists of the journal's rows of format 2, one row for each batch. Totals stand
    there by store, currency and minute, and product sums by store, currency, day and product.`,
  rollup_minutes: `Sums of each scope, currency and UTC minute. A scope is a store, or * for all
    stores. A fold inserts a row's new version and deletes the old one. Minutes are kept for two days.`,
  rollup_days: `Sums of each scope, currency and UTC day, kept for ever.`,
  rollup_products: `Units and revenue of each scope, currency, UTC day and product. The index
    rollup_products_best finds the day's ten best products by revenue.`,
  scope_versions: `The last fold that changed each scope. The row of * changes with every fold that
    changed anything. All figures are exact up to its as_of.`,
  epochs:
    `The epochs of versions; the greatest epoch is the current one. Each row names the database,
    its timeline and the start of the server that the epoch began on. A fold begins a new epoch when any of them has changed.`,
  database_identity: `The identity of this database, the timeline of its log and the start of its
    server. A fold compares them with the current epoch.`,
  fold_runs:
    `The folds of the latest hours, of all instances. Operators read them; no figure depends
    on them.`,
  api_keys: `API keys. Only a hash of the secret is kept, so nobody can call anything with a row of
    this table.`,
  weir_migrations: `The migrations that were applied, each with the hash of its file.`,
};
