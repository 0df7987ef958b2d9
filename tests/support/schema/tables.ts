/**
 * The tables and views of the schema in the order of sql/schema.sql, and a paragraph about each.
 */

export const TABLES: Readonly<Record<string, string>> = {
  orders: `
The orders themselves. Every figure can be recounted from them. The order id is derived from store
and idempotency key, so the primary key is also what makes a repeated order one order.`,
  journal: `
One row for each batch or cancellation whose sums are not in the rollups yet. The statement that
stores the orders writes it, and the fold that adds it to the rollups deletes it. Rows of format 2
keep their lists in journal_sums. Rows of format 1, from an older Weir, hold their lists here.`,
  journal_sums: `
The lists of a journal row. The first half lists sums by store, currency and minute; the product
columns list sums by store, currency, day and product. The elements at one place of all lists of a
half belong together. They are a table of their own so that the rows of the journal stay small.`,
  rollup_minutes: `
Sums of a scope by currency and minute, kept for two days. A scope is a store, or * for all stores.
A fold never updates a row: it inserts the next version and deletes the one before.`,
  rollup_days: `
Sums of a scope by currency and day, kept for ever. Versions as in rollup_minutes.`,
  rollup_products: `
Sums of a scope by currency, day and product. The best ten of a day are the first ten entries of the
index rollup_products_best.`,
  scope_versions: `
The last fold that changed each scope. The row of * also says up to which instant all figures are
exact.`,
  epochs: `
One row for each epoch; the greatest is the current one. Each row names the database that the epoch
began on. A fold that finds itself on another database, timeline or start of the server begins a new
epoch, because versions may have been shown that this database does not know.`,
  database_identity: `
The database as the epochs name it: its cluster and oid, the timeline of its log, and the start of
its server.`,
  fold_runs: `
The folds of the latest hours, of all instances. They are for operators; no figure depends on them.`,
  dead_letters: `
Orders that wait for a person: the database refused their content, or holds other content under
their key. An order and content has at most one open letter. A closed letter stays, with the person
who closed it and the reason.`,
  api_keys: `
API keys. The table holds a hash of each secret and the public key of its browser tokens, so nobody
who reads it can make a call or a token.`,
  weir_migrations: `
The migrations that ran, each with the hash of its file. The migration runner makes this table.`,
};
