-- How many entries a row's lists have, so that a fold takes as much as it can add in time, be it a
-- thousand small rows or one large one. Null in rows of the version before.
ALTER TABLE journal ADD COLUMN entries integer;

-- With the version among its columns, the row of a product that a fold replaces is found by this
-- index as directly as by the key, also when its revenue never changes and a snapshot that is held
-- open keeps all its versions.
CREATE INDEX rollup_products_best_version
  ON rollup_products (scope, currency, day, revenue_minor DESC, sku, version);
DROP INDEX rollup_products_best;
ALTER INDEX rollup_products_best_version RENAME TO rollup_products_best;
