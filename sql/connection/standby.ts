/**
 * Reading what a failover cannot lose.
 *
 * A row may be seen that the synchronous standby has not got: the server shows it after a restart,
 * or when somebody cancelled the wait. With such a standby a statement that has this among its
 * columns writes a message to the log, so that it ends only when the standby has everything up to
 * there; without one it costs nothing.
 */
import type { Sql, Tx } from "./driver.ts";

/** A column that makes its statement wait for the standby. */
export function standbyHasIt(sql: Sql | Tx) {
  return sql.unsafe(
    "(SELECT pg_logical_emit_message(true, 'weir', 'known') " +
      "WHERE current_setting('synchronous_standby_names') <> '')",
  );
}
