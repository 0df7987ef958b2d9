/**
 * The log files of a PostgreSQL that has run for a while. A new server has none to use again: it fills
 * each file of 16 MB with zeros first, and every commit waits for that, 40 to 70 ms. A server that has
 * had checkpoints renames old files instead. A test of the waits of orders wants the second kind.
 */
import type { TestSql } from "../services/database.ts";

const FILES = 50;
/** At least as much as the files have: PostgreSQL removes old files beyond it. */
const KEPT = "1GB";

/** Gives a server `FILES` log files for use again. Needs a superuser. */
export async function makeUsedLog(sql: TestSql): Promise<void> {
  await sql.unsafe(`alter system set min_wal_size = '${KEPT}'`);
  await sql`select pg_reload_conf()`;
  for (let file = 0; file < FILES; file++) {
    await sql`select pg_logical_emit_message(false, 'weir', 'a file without a record is not left')`;
    await sql`select pg_switch_wal()`;
  }
  await sql`checkpoint`;
}
