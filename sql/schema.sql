-- The schema of today, for readers. The migrations make it; nothing runs this file.
--
-- It is generated from a migrated database by
--   deno run -A tests/support/schema/write.ts
-- and tests/sql/schema_test.ts compares it. The migrations also insert one row, the first epoch.

-- The orders themselves. Every figure can be recounted from them. The order id is derived from store
-- and idempotency key, so the primary key is also what makes a repeated order one order.
CREATE TABLE orders (
  store_id        text        NOT NULL,
  order_id        uuid        NOT NULL,
  idempotency_key text        NOT NULL,
  currency        text        NOT NULL,
  lines           jsonb       NOT NULL,
  units           bigint      NOT NULL,
  total_minor     bigint      NOT NULL,
  customer_ref    text,
  metadata        jsonb       NOT NULL,
  content_hash    bytea       NOT NULL,
  placed_at       timestamptz NOT NULL,
  committed_at    timestamptz NOT NULL,
  cancelled_at    timestamptz,
  cancel_reason   text,
  CONSTRAINT orders_pkey PRIMARY KEY (store_id, order_id)
);
CREATE INDEX orders_cancelled
  ON orders (store_id, placed_at DESC, order_id DESC)
  WHERE (cancelled_at IS NOT NULL);
CREATE INDEX orders_newest
  ON orders (store_id, placed_at DESC, order_id DESC);

-- One row for each batch or cancellation whose sums are not in the rollups yet. The statement that
-- stores the orders writes it, and the fold that adds it to the rollups deletes it. Rows of format 2
-- keep their lists in journal_sums. Rows of format 1, from an older Weir, hold their lists here.
CREATE TABLE journal (
  batch_id                uuid          NOT NULL,
  format                  smallint      NOT NULL,
  written_at              timestamptz   NOT NULL DEFAULT clock_timestamp(),
  orders                  bigint        NOT NULL,
  store_ids               text[],
  currencies              text[],
  minutes                 timestamptz[],
  order_counts            bigint[],
  units                   numeric[],
  revenue_minor           numeric[],
  cancelled_orders        bigint[],
  cancelled_revenue_minor numeric[],
  product_store_ids       text[],
  product_currencies      text[],
  product_days            date[],
  product_skus            text[],
  product_units           numeric[],
  product_revenue_minor   numeric[],
  entries                 integer,
  store_id                text,
  CONSTRAINT journal_pkey PRIMARY KEY (batch_id)
) WITH (autovacuum_vacuum_scale_factor=0, autovacuum_vacuum_threshold=5000);
CREATE INDEX journal_of_store
  ON journal (store_id, written_at)
  WHERE (store_id IS NOT NULL);

-- The lists of a journal row. The first half lists sums by store, currency and minute; the product
-- columns list sums by store, currency, day and product. The elements at one place of all lists of a
-- half belong together. They are a table of their own so that the rows of the journal stay small.
CREATE TABLE journal_sums (
  batch_id                uuid          NOT NULL,
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
  product_revenue_minor   numeric[]     NOT NULL,
  CONSTRAINT journal_sums_pkey PRIMARY KEY (batch_id)
) WITH (autovacuum_vacuum_scale_factor=0, autovacuum_vacuum_threshold=5000);

-- Sums of a scope by currency and minute, kept for two days. A scope is a store, or * for all stores.
-- A fold never updates a row: it inserts the next version and deletes the one before.
CREATE TABLE rollup_minutes (
  scope                   text COLLATE "C" NOT NULL,
  currency                text COLLATE "C" NOT NULL,
  minute                  timestamptz      NOT NULL,
  version                 bigint           NOT NULL,
  orders                  bigint           NOT NULL,
  units                   numeric          NOT NULL,
  revenue_minor           numeric          NOT NULL,
  cancelled_orders        bigint           NOT NULL,
  cancelled_revenue_minor numeric          NOT NULL,
  CONSTRAINT rollup_minutes_pkey PRIMARY KEY (scope, currency, minute, version)
);
CREATE INDEX rollup_minutes_by_age
  ON rollup_minutes (minute, scope, currency, version);

-- Sums of a scope by currency and day, kept for ever. Versions as in rollup_minutes.
CREATE TABLE rollup_days (
  scope                   text COLLATE "C" NOT NULL,
  currency                text COLLATE "C" NOT NULL,
  day                     date             NOT NULL,
  version                 bigint           NOT NULL,
  orders                  bigint           NOT NULL,
  units                   numeric          NOT NULL,
  revenue_minor           numeric          NOT NULL,
  cancelled_orders        bigint           NOT NULL,
  cancelled_revenue_minor numeric          NOT NULL,
  CONSTRAINT rollup_days_pkey PRIMARY KEY (scope, currency, day, version)
);
CREATE INDEX rollup_days_by_age
  ON rollup_days (day, scope, currency, version);

-- Sums of a scope by currency, day and product. The best ten of a day are the first ten entries of the
-- index rollup_products_best.
CREATE TABLE rollup_products (
  scope         text COLLATE "C" NOT NULL,
  currency      text COLLATE "C" NOT NULL,
  day           date             NOT NULL,
  sku           text COLLATE "C" NOT NULL,
  version       bigint           NOT NULL,
  units         numeric          NOT NULL,
  revenue_minor numeric          NOT NULL,
  CONSTRAINT rollup_products_pkey PRIMARY KEY (scope, currency, day, sku, version)
);
CREATE INDEX rollup_products_best
  ON rollup_products (scope, currency, day, revenue_minor DESC, sku, version);

-- The last fold that changed each scope. The row of * also says up to which instant all figures are
-- exact.
CREATE TABLE scope_versions (
  scope        text COLLATE "C" NOT NULL,
  version      bigint           NOT NULL,
  as_of        timestamptz      NOT NULL,
  stores_as_of timestamptz,
  CONSTRAINT scope_versions_pkey PRIMARY KEY (scope, version, as_of)
);

-- One row for each epoch; the greatest is the current one. Each row names the database that the epoch
-- began on. A fold that finds itself on another database, timeline or start of the server begins a new
-- epoch, because versions may have been shown that this database does not know.
CREATE TABLE epochs (
  epoch      bigint      NOT NULL,
  identity   text        NOT NULL,
  timeline   bigint      NOT NULL,
  begun_at   timestamptz NOT NULL,
  started_at timestamptz,
  CONSTRAINT epochs_pkey PRIMARY KEY (epoch)
);

-- The database as the epochs name it: its cluster and oid, the timeline of its log, and the start of
-- its server.
CREATE VIEW database_identity AS
 SELECT (c.system_identifier::text || '/'::text) || d.oid AS identity,
    (('x'::text || "left"(pg_walfile_name(pg_current_wal_lsn()), 8)))::bit(32)::bigint AS timeline,
    pg_postmaster_start_time() AS started_at
   FROM pg_control_system() c(pg_control_version, catalog_version_no, system_identifier, pg_control_last_modified),
    pg_database d
  WHERE d.datname = current_database();

-- The folds of the latest hours, of all instances. They are for operators; no figure depends on them.
CREATE TABLE fold_runs (
  run_id       uuid        NOT NULL DEFAULT gen_random_uuid(),
  instance_id  uuid        NOT NULL,
  ended_at     timestamptz NOT NULL,
  outcome      text        NOT NULL,
  ms           real        NOT NULL,
  lag_ms       real,
  journal_rows bigint,
  orders       bigint,
  epoch        bigint,
  version      bigint,
  error        text,
  CONSTRAINT fold_runs_pkey PRIMARY KEY (run_id)
);
CREATE INDEX fold_runs_newest
  ON fold_runs (ended_at DESC);

-- Orders that wait for a person: the database refused their content, or holds other content under
-- their key. An order and content has at most one open letter. A closed letter stays, with the person
-- who closed it and the reason.
CREATE TABLE dead_letters (
  store_id        text        NOT NULL,
  letter_id       uuid        NOT NULL,
  order_id        uuid        NOT NULL,
  content_hash    bytea       NOT NULL,
  state           text        NOT NULL,
  reason          text        NOT NULL,
  code            text        NOT NULL,
  payload         jsonb       NOT NULL,
  failures        bigint      NOT NULL,
  first_failed_at timestamptz NOT NULL,
  last_failed_at  timestamptz NOT NULL,
  closed_at       timestamptz,
  closed_by       text,
  close_note      text,
  replay_payload  jsonb,
  placed_at       timestamptz,
  rule            jsonb,
  rule_failed_at  timestamptz,
  CONSTRAINT dead_letters_pkey PRIMARY KEY (store_id, letter_id)
);
CREATE INDEX dead_letters_by_id
  ON dead_letters (letter_id);
CREATE INDEX dead_letters_newest
  ON dead_letters (state, last_failed_at DESC, letter_id DESC);
CREATE INDEX dead_letters_newest_of_store
  ON dead_letters (store_id, state, last_failed_at DESC, letter_id DESC);
CREATE UNIQUE INDEX dead_letters_open
  ON dead_letters (store_id, order_id, content_hash)
  WHERE (state = 'open'::text);

-- API keys. The table holds a hash of each secret and the public key of its browser tokens, so nobody
-- who reads it can make a call or a token.
CREATE TABLE api_keys (
  key_id      text        NOT NULL,
  secret_hash bytea       NOT NULL,
  label       text        NOT NULL,
  scopes      text[]      NOT NULL,
  store_id    text,
  created_at  timestamptz NOT NULL DEFAULT now(),
  revoked_at  timestamptz,
  store_ids   text[],
  currencies  text[],
  token_key   bytea,
  CONSTRAINT api_keys_pkey PRIMARY KEY (key_id),
  CONSTRAINT api_keys_first_store CHECK (((store_ids IS NULL) OR (store_id = store_ids[1]))),
  CONSTRAINT api_keys_token_key CHECK ((octet_length(token_key) = 32))
);

-- The migrations that ran, each with the hash of its file. The migration runner makes this table.
CREATE TABLE weir_migrations (
  name       text        NOT NULL,
  sha256     text        NOT NULL,
  applied_at timestamptz NOT NULL,
  CONSTRAINT weir_migrations_pkey PRIMARY KEY (name)
);
