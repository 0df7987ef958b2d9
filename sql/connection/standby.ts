/**
 * Reads that show only rows which a failover cannot lose.
 *
 * The server may show a row that the synchronous standby does not have: after a restart, or when
 * somebody cancelled the wait. A statement with the column below writes a message to the server's
 * log. So it ends only when the standby has everything up to that message. Without such a standby
 * the column costs nothing.
 *
 * Tested in tests/system/database/not_replicated_test.ts.
 */
import type { Sql, Tx } from "./driver.ts";

/** A column that makes its statement wait for the standby. */
export function standbyHasIt(sql: Sql | Tx) {
  return sql.unsafe(
    "(SELECT pg_logical_emit_message(true, 'weir', 'known') " +
      "WHERE current_setting('synchronous_standby_names') <> '')",
  );
}
