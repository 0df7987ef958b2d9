-- Which database this is, and on which timeline its log is: another cluster, another database in it
-- (a dump restored) or another timeline (a failover) may have lost what was given out before. The
-- timeline is that of the log itself; the control file tells it only after the next checkpoint.
CREATE VIEW database_identity AS
SELECT c.system_identifier::text || '/' || d.oid AS identity,
       ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::bigint AS timeline
FROM pg_control_system() AS c, pg_database AS d
WHERE d.datname = current_database();

-- One row an epoch; the greatest is the current one. Beside it the identity of the database it was
-- begun on: when that is no longer ours, versions may have been given out that this database does
-- not know, and the next fold begins a new epoch.
CREATE TABLE epochs (
  epoch    bigint      NOT NULL PRIMARY KEY,
  identity text        NOT NULL,
  timeline bigint      NOT NULL,
  begun_at timestamptz NOT NULL
);

-- A server that withholds the log's position or the control file tells its database's number alone.
DO $$
BEGIN
  INSERT INTO epochs (epoch, identity, timeline, begun_at)
  SELECT 1, identity, timeline, clock_timestamp() FROM database_identity;
EXCEPTION
  WHEN insufficient_privilege OR object_not_in_prerequisite_state OR feature_not_supported THEN
    INSERT INTO epochs (epoch, identity, timeline, begun_at)
    SELECT 1, '?/' || oid, 0, clock_timestamp() FROM pg_database WHERE datname = current_database();
END
$$;
