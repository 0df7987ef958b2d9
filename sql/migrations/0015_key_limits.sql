-- The stores and the currencies that a key is for; null: all. A version before knows store_id alone,
-- so a key for several stores has the first of them there, and opens that one only.
ALTER TABLE api_keys
  ADD COLUMN store_ids  text[],
  ADD COLUMN currencies text[],
  ADD CONSTRAINT api_keys_first_store CHECK (store_ids IS NULL OR store_id = store_ids[1]);
