-- The journal's lists move to a table of their own, read by key. A fold looks through the journal
-- for what it has to take; while some snapshot is held open elsewhere, that means past every row
-- that was taken since. Without their lists 120,000 such rows are 8 MB instead of 270.
-- (Rows of format 1, which the version before writes, still hold their lists themselves.)
CREATE TABLE journal_sums (
  batch_id                uuid          NOT NULL PRIMARY KEY,
  store_ids               text[]        NOT NULL,
  currencies              text[]        NOT NULL,
  minutes                 timestamptz[] NOT NULL,
  order_counts            bigint[]      NOT NULL,
  units                   numeric[]     NOT NULL,
  revenue_minor           numeric[]     NOT NULL,
  cancelled_orders        bigint[]      NOT NULL,
  cancelled_revenue_minor numeric[]     NOT NULL,
  product_store_ids       text[]        NOT NULL,
  product_currencies      text[]        NOT NULL,
  product_days            date[]        NOT NULL,
  product_skus            text[]        NOT NULL,
  product_units           numeric[]     NOT NULL,
  product_revenue_minor   numeric[]     NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);

ALTER TABLE journal
  ALTER store_ids DROP NOT NULL,
  ALTER currencies DROP NOT NULL,
  ALTER minutes DROP NOT NULL,
  ALTER order_counts DROP NOT NULL,
  ALTER units DROP NOT NULL,
  ALTER revenue_minor DROP NOT NULL,
  ALTER cancelled_orders DROP NOT NULL,
  ALTER cancelled_revenue_minor DROP NOT NULL,
  ALTER product_store_ids DROP NOT NULL,
  ALTER product_currencies DROP NOT NULL,
  ALTER product_days DROP NOT NULL,
  ALTER product_skus DROP NOT NULL,
  ALTER product_units DROP NOT NULL,
  ALTER product_revenue_minor DROP NOT NULL;
