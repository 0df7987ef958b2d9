-- Sums per scope (a store, or '*' for all of them). A fold inserts a row's new version and deletes
-- the one before by its full key; it never UPDATEs, because the dead versions of a row that is
-- updated in place all hang on one index entry while some snapshot is held open elsewhere.
CREATE TABLE rollup_minutes (
  scope                   text        COLLATE "C" NOT NULL,
  currency                text        COLLATE "C" NOT NULL,
  minute                  timestamptz NOT NULL,
  version                 bigint      NOT NULL,
  orders                  bigint      NOT NULL,
  units                   numeric     NOT NULL,
  revenue_minor           numeric     NOT NULL,
  cancelled_orders        bigint      NOT NULL,
  cancelled_revenue_minor numeric     NOT NULL,
  PRIMARY KEY (scope, currency, minute, version)
);

CREATE TABLE rollup_days (
  scope                   text    COLLATE "C" NOT NULL,
  currency                text    COLLATE "C" NOT NULL,
  day                     date    NOT NULL,
  version                 bigint  NOT NULL,
  orders                  bigint  NOT NULL,
  units                   numeric NOT NULL,
  revenue_minor           numeric NOT NULL,
  cancelled_orders        bigint  NOT NULL,
  cancelled_revenue_minor numeric NOT NULL,
  PRIMARY KEY (scope, currency, day, version)
);

CREATE TABLE rollup_products (
  scope         text    COLLATE "C" NOT NULL,
  currency      text    COLLATE "C" NOT NULL,
  day           date    NOT NULL,
  sku           text    COLLATE "C" NOT NULL,
  version       bigint  NOT NULL,
  units         numeric NOT NULL,
  revenue_minor numeric NOT NULL,
  PRIMARY KEY (scope, currency, day, sku, version)
);

-- The day's ten best by revenue are the first ten entries of this index.
CREATE INDEX rollup_products_best
  ON rollup_products (scope, currency, day, revenue_minor DESC, sku);

-- The last fold that changed each scope. The row of '*' changes with every fold that changed
-- anything, and its as_of is what all scopes are exact up to, since a fold takes the whole journal.
CREATE TABLE scope_versions (
  scope   text        COLLATE "C" NOT NULL,
  version bigint      NOT NULL,
  as_of   timestamptz NOT NULL,
  PRIMARY KEY (scope, version, as_of)
);
