/**
 * The worst role: every setting of a session that it may change is set to the worst. It owns nothing
 * and has the rights of docs/operating.md alone, on tables in a schema of their own. In an empty
 * database it owns that schema, because migrations are tested there. The group `worst` of tests/run.ts runs the code under
 * test as this role.
 */
import type { Sql } from "../../../../sql/connection/driver.ts";
import { withSchema } from "../../../../sql/connection/url.ts";

const VARIABLE = "WEIR_TEST_ROLE";
export const ROLE = "weir_worst";
/** The tables stand here, and not in `public`. */
const SCHEMA = "shop";

/** The variables for a process whose tests run as the worst role. */
export const WORST_ENVIRONMENT: Readonly<Record<string, string>> = { [VARIABLE]: "worst" };

/**
 * The worst value of each setting. Timeouts are just long enough for the first statement of a
 * session, by which Weir sets its own values.
 */
export const WORST_SETTINGS: Readonly<Record<string, string>> = {
  DateStyle: "SQL, DMY",
  IntervalStyle: "sql_standard",
  TimeZone: "Pacific/Chatham", // 12:45 or 13:45 ahead of UTC
  timezone_abbreviations: "India",
  client_encoding: "LATIN1",
  standard_conforming_strings: "off",
  array_nulls: "off",
  transform_null_equals: "on",
  bytea_output: "escape",
  extra_float_digits: "-15",
  quote_all_identifiers: "on",
  search_path: "evil, pg_catalog, public",
  default_transaction_isolation: "serializable",
  default_transaction_read_only: "on",
  default_transaction_deferrable: "on",
  synchronous_commit: "off",
  client_min_messages: "error",
  statement_timeout: "400",
  lock_timeout: "1",
  idle_in_transaction_session_timeout: "1",
  idle_session_timeout: "400",
  transaction_timeout: "400",
  plan_cache_mode: "force_generic_plan",
  from_collapse_limit: "1",
  join_collapse_limit: "1",
  jit: "on",
  jit_above_cost: "0",
  debug_parallel_query: "on",
  enable_bitmapscan: "off",
  enable_hashagg: "off",
  enable_hashjoin: "off",
  enable_incremental_sort: "off",
  enable_indexonlyscan: "off",
  enable_indexscan: "off",
  enable_material: "off",
  enable_memoize: "off",
  enable_mergejoin: "off",
  enable_nestloop: "off",
  enable_seqscan: "off",
  enable_sort: "off",
};

/** True when the tests of this process run as the worst role. */
export function isWorst(): boolean {
  return Deno.env.get(VARIABLE) === "worst";
}

/** `url` of a superuser as a URL of the worst role. */
export function asWorst(url: string): string {
  const changed = new URL(url);
  changed.username = ROLE;
  changed.password = ROLE;
  return inSchema(changed.href);
}

/** `url` with the tables in the schema of the worst role. */
export function inSchema(url: string): string {
  return withSchema(url, SCHEMA);
}

/** Makes the role, unless the server has it. Questions of tests find the tables in `database`. */
export async function prepareForWorst(admin: Sql, database: string): Promise<void> {
  const [known] = await admin`select from pg_roles where rolname = ${ROLE}`;
  if (known === undefined) {
    await admin.unsafe(`create role ${ROLE} login password '${ROLE}'`);
    for (const [name, value] of Object.entries(WORST_SETTINGS)) {
      // A list of schemas is not one quoted word.
      const text = name === "search_path" ? value : `'${value}'`;
      await admin.unsafe(`alter role ${ROLE} set ${name} = ${text}`);
    }
  }
  await admin`alter database ${admin(database)} set search_path to ${admin(SCHEMA)}, public`;
}

/** Makes the schema of the tables. @param owner default: whoever asks */
export async function addSchema(admin: Sql, owner = "current_user"): Promise<void> {
  await admin.unsafe(`create schema ${SCHEMA} authorization ${owner}`);
}

/** Adds a table and two functions with names that Weir uses, for sessions that look here first. */
export async function addEvilSchema(admin: Sql): Promise<void> {
  await admin.unsafe(`
    create schema if not exists evil authorization ${ROLE};
    create table if not exists evil.orders (store_id text);
    create or replace function evil.now() returns timestamptz language sql
      as $$ select timestamptz '1999-12-31' $$;
    create or replace function evil.clock_timestamp() returns timestamptz language sql
      as $$ select timestamptz '1999-12-31' $$;
    alter table evil.orders owner to ${ROLE};`).simple();
}
