/**
 * The settings of a session: all on which the meaning, the durability or the duration of a statement
 * depends. A role, a database or a pooler may have changed the default of any of them. So each
 * session of Weir sets them all, and reads back the ones that a promise rests on.
 *
 * A setting that only a superuser may change is not set. If a promise rests on it, it is read.
 *
 * Tested in tests/sql/connection/session_test.ts and, for whole suites, by `deno task test:worst`.
 */

export type Settings = Readonly<Record<string, string>>;

/** The schema of Weir's tables, unless the connection string names another one. */
export const SCHEMA = "public";

/** How text becomes a value and a value becomes text, which tables are meant, which rows are seen. */
const MEANING: Settings = {
  DateStyle: "ISO, MDY",
  IntervalStyle: "postgres",
  TimeZone: "UTC",
  timezone_abbreviations: "Default",
  client_encoding: "UTF8",
  standard_conforming_strings: "on",
  array_nulls: "on", // else NULL in an array's literal is the text "NULL"
  transform_null_equals: "off",
  quote_all_identifiers: "off", // an error's context names its function; broken_rule.ts reads it
  bytea_output: "hex",
  extra_float_digits: "1",
  lc_monetary: "C",
  lc_numeric: "C",
  lc_time: "C",
  // A policy that hides rows makes a statement fail, instead of a figure wrong.
  row_security: "off",
  default_transaction_isolation: "read committed",
  default_transaction_read_only: "off",
  default_transaction_deferrable: "off",
};

/** When COMMIT returns, and whether a cancelled wait for a standby is told (pool.ts). */
const DURABILITY: Settings = {
  synchronous_commit: "on",
  client_min_messages: "warning",
};

/** How long a statement or a session may take, and which plans the planner may choose. */
const DURATION: Settings = {
  statement_timeout: "0",
  lock_timeout: "0",
  idle_in_transaction_session_timeout: "0",
  idle_session_timeout: "0",
  transaction_timeout: "0", // since PostgreSQL 17
  jit: "off",
  plan_cache_mode: "auto",
  from_collapse_limit: "8",
  join_collapse_limit: "8",
  enable_bitmapscan: "on",
  enable_hashagg: "on",
  enable_hashjoin: "on",
  enable_incremental_sort: "on",
  enable_indexonlyscan: "on",
  enable_indexscan: "on",
  enable_material: "on",
  enable_memoize: "on",
  enable_mergejoin: "on",
  enable_nestloop: "on",
  enable_seqscan: "on",
  enable_sort: "on",
};

/** Every setting of every session. A session may need other values of `DURATION`. */
export const SETTINGS: Settings = { ...MEANING, ...DURABILITY, ...DURATION };

/**
 * The settings that a session reads back, and the values it must find. The server prints a value in
 * a form of its own, and these values have that form. A trigger of the operator's runs only with
 * `session_replication_role` at `origin`.
 */
export const PROMISED: Settings = {
  ...MEANING,
  ...DURABILITY,
  session_replication_role: "origin",
};
