-- One row an epoch; the greatest is the current one. Beside it the identity of the database it was
-- begun on: when that is no longer ours (another cluster, another timeline), versions may have
-- been given out that this database does not know, and the next fold begins a new epoch.
CREATE TABLE epochs (
  epoch             bigint      NOT NULL PRIMARY KEY,
  system_identifier text        NOT NULL,
  timeline          bigint      NOT NULL,
  begun_at          timestamptz NOT NULL
);

INSERT INTO epochs (epoch, system_identifier, timeline, begun_at)
SELECT 1, system_identifier::text, timeline_id, clock_timestamp()
FROM pg_control_system(), pg_control_checkpoint();
