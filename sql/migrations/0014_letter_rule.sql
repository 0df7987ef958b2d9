-- The rule that a dead letter's latest failure broke, in words and by its names, without the order's
-- data. It speaks of the failure at rule_failed_at: where last_failed_at has moved on alone, an older
-- version met a later failure and kept the code of that one only. Null: an older version parked it.
ALTER TABLE dead_letters
  ADD COLUMN rule           jsonb,
  ADD COLUMN rule_failed_at timestamptz;
