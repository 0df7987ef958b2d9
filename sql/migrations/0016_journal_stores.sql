-- This table is first, because a fold locks it before the journal. In the other order a fold and this
-- migration could wait for each other.
--
-- Up to which instant the figures of stores are exact that have no row of their own in the journal.
-- It stands in the row of * alone. Null: `as_of` holds for all.
ALTER TABLE scope_versions ADD COLUMN stores_as_of timestamptz;

-- The one store of a row, so that folds can give each store its turn. Null: the row is shared by
-- stores that add little, or the version before wrote it.
ALTER TABLE journal ADD COLUMN store_id text;

-- The oldest row of a store that waits, by which its figures know how far they are.
CREATE INDEX journal_of_store ON journal (store_id, written_at) WHERE store_id IS NOT NULL;
