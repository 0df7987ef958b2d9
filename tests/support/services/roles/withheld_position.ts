/**
 * A server that refuses to tell the position of its log and the contents of its control file, as Aurora
 * does. In one database, functions that fail take the names of the server's own.
 */
import type { Sql } from "../../../../sql/connection/driver.ts";

const FUNCTIONS = [
  { name: "pg_current_wal_lsn", parameters: "", result: "pg_lsn" },
  {
    name: "pg_control_system",
    parameters: "out pg_control_version integer, out catalog_version_no integer, " +
      "out system_identifier bigint, out pg_control_last_modified timestamptz",
    result: "record",
  },
] as const;

/** Makes them fail, for a superuser too. Only for a database without Weir's tables. Legal twice. */
export async function withholdPosition(sql: Sql): Promise<void> {
  if (await isReplaced(sql)) return;
  const text = FUNCTIONS.map(({ name, parameters, result }) => `
    alter function pg_catalog.${name}() rename to ${name}_of_server;
    create function pg_catalog.${name}(${parameters}) returns ${result} language plpgsql as
      $$ begin raise exception 'not on this server' using errcode = '55000'; end $$;`);
  await runAll(sql, text);
}

/** Makes them tell the truth again. */
export async function showPosition(sql: Sql): Promise<void> {
  if (!await isReplaced(sql)) return;
  const text = FUNCTIONS.map(({ name, parameters, result }) => `
    create or replace function pg_catalog.${name}(${parameters}) returns ${result} language sql as
      $$ select * from pg_catalog.${name}_of_server() $$;`);
  await runAll(sql, text);
}

async function isReplaced(sql: Sql): Promise<boolean> {
  const [row] = await sql<{ yes: boolean }[]>`
    select to_regproc('pg_catalog.pg_control_system_of_server') is not null as yes`;
  return row?.yes === true;
}

async function runAll(sql: Sql, texts: readonly string[]): Promise<void> {
  await sql.unsafe(`set allow_system_table_mods = on; ${texts.join("")}`).simple();
}
