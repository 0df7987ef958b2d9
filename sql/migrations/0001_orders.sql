-- The orders themselves: the truth that every figure must be able to be recounted from.
-- order_id is derived from (store_id, idempotency_key), so this primary key is also what makes a
-- repeated order one order; there is no second unique index to keep in step with it.
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
  PRIMARY KEY (store_id, order_id)
);

-- Keyset paging, newest first.
CREATE INDEX orders_newest ON orders (store_id, placed_at DESC, order_id DESC);
