-- What each batch of new orders adds to the figures, written by the statement that inserts the
-- orders and deleted by the fold that adds it to the rollups. Rows live for milliseconds, so
-- autovacuum has to come by far more often than its defaults say.
CREATE TABLE journal (
  batch_id   uuid        NOT NULL PRIMARY KEY,
  format     smallint    NOT NULL,
  written_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  orders     bigint      NOT NULL,
  adds       jsonb       NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);
