-- An order out of the overflow buffer was acknowledged with the buffer's time, and keeps it when it
-- is committed from the dead letters after all. Null: refused at its placing, never acknowledged.
ALTER TABLE dead_letters ADD COLUMN placed_at timestamptz;
