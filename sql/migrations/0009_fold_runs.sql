-- When the server of the epoch's database was started. A restored copy of the files has the same
-- identity and, until it is promoted, the same timeline, but no copy is put under a running server:
-- so each start of the server begins an epoch, and what was given out before it cannot be confused
-- with what is given out after it.
ALTER TABLE epochs ADD COLUMN started_at timestamptz;
UPDATE epochs SET started_at = pg_postmaster_start_time();

CREATE OR REPLACE VIEW database_identity AS
SELECT c.system_identifier::text || '/' || d.oid AS identity,
       ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::bigint AS timeline,
       pg_postmaster_start_time() AS started_at
FROM pg_control_system() AS c, pg_database AS d
WHERE d.datname = current_database();

-- The folds of the latest hours, of all instances: how long each took, what it moved, how long that
-- had waited, and what came of it. For operators alone; no figure depends on it.
CREATE TABLE fold_runs (
  run_id       uuid        NOT NULL PRIMARY KEY DEFAULT gen_random_uuid(),
  instance_id  uuid        NOT NULL,
  ended_at     timestamptz NOT NULL,
  outcome      text        NOT NULL,
  ms           real        NOT NULL,
  lag_ms       real,
  journal_rows bigint,
  orders       bigint,
  epoch        bigint,
  version      bigint,
  error        text
);

CREATE INDEX fold_runs_newest ON fold_runs (ended_at DESC);
