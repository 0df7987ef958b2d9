-- What each batch of new orders adds to the figures, written by the statement that inserts the
-- orders and deleted by the fold that adds it to the rollups. Two lists stand in each row, column by
-- column: totals per store, currency and minute, and units and revenue per store, currency, day and
-- product. (As JSON the same cost a batch twice as much.) Rows live for milliseconds, so autovacuum
-- has to come by far more often than its defaults say.
CREATE TABLE journal (
  batch_id                uuid          NOT NULL PRIMARY KEY,
  format                  smallint      NOT NULL,
  written_at              timestamptz   NOT NULL DEFAULT clock_timestamp(),
  orders                  bigint        NOT NULL,
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
