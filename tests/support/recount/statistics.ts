/** The server's statistics of tables, as of now. */
import type { Sql } from "../../../sql/connection/driver.ts";

/** Makes the session of `sql` tell the server what it has read so far. */
export async function flushStatistics(sql: Sql): Promise<void> {
  const [row] = await sql<{ knows: boolean }[]>`
    select to_regprocedure('pg_stat_force_next_flush()') is not null as knows`;
  if (row?.knows === true) await sql`select pg_stat_force_next_flush()`;
  else await sql`select pg_sleep(0.6)`; // PostgreSQL 14 tells by itself, at most every half second
}
