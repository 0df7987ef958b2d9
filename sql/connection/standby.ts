/**
 * Statements that show or count only what a failover cannot lose.
 *
 * The server may show a row that the synchronous standby does not have: after a restart, or when
 * somebody cancelled the wait. A statement with the column below writes a message to the server's
 * log. So it ends only when the standby has everything up to that message. Without such a standby
 * the column costs nothing.
 *
 * A role may be forbidden to write that message, and a server may write it for nobody. Where the server
 * waits for no standby, nothing is to be waited for, and the statement runs without it. Where it waits
 * for one, the statement fails.
 *
 * Tested in tests/sql/connection/standby_test.ts and tests/system/database/not_replicated_test.ts.
 */
import type postgres from "postgres";
import type { Sql, Tx } from "./driver.ts";
import { isWithheld } from "./failure.ts";

/** A column of a statement. */
export type Column = postgres.PendingQuery<postgres.Row[]>;

/** Runs `read` with a column that makes its statement wait for the standby. */
export function standbyHasIt<T>(sql: Sql | Tx, read: (column: Column) => Promise<T>): Promise<T> {
  const mark = "(SELECT pg_logical_emit_message(true, 'weir', 'known') " +
    "WHERE current_setting('synchronous_standby_names') <> '')";
  return unlessWithheld(sql, read, mark, "NULL");
}

/**
 * Runs `write` with a column that writes to the server's log. So its statement fails on a read-only
 * server and waits for the standby, as one that stores a row does.
 */
export function storesSomething<T>(
  sql: Sql | Tx,
  write: (column: Column) => Promise<T>,
): Promise<T> {
  return unlessWithheld(
    sql,
    write,
    "pg_logical_emit_message(true, 'weir', 'probe')::text",
    "pg_current_xact_id()::text", // fails on a read-only server too
  );
}

async function unlessWithheld<T>(
  sql: Sql | Tx,
  run: (column: Column) => Promise<T>,
  marked: string,
  unmarked: string,
): Promise<T> {
  try {
    return await run(sql.unsafe(marked));
  } catch (error) {
    if (!isWithheld(error) || await waitsForStandby(sql)) throw error;
    return await run(sql.unsafe(unmarked));
  }
}

async function waitsForStandby(sql: Sql | Tx): Promise<boolean> {
  const [row] = await sql<{ waits: boolean }[]>`
    SELECT current_setting('synchronous_standby_names') <> '' AS waits`;
  return row?.waits !== false;
}
