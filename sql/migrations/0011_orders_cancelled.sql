-- outside a transaction
-- A store's cancelled orders, newest first. They are few: by the index of all its orders a list of
-- them reads every order that the store ever had.
DROP INDEX CONCURRENTLY IF EXISTS orders_cancelled;
CREATE INDEX CONCURRENTLY orders_cancelled ON orders (store_id, placed_at DESC, order_id DESC)
  WHERE cancelled_at IS NOT NULL;
