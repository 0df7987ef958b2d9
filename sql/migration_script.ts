/**
 * Migrations and grants as text, for teams whose service may not change a schema: somebody reads the
 * text, and runs it as the owner.
 *
 * Tested in tests/server/roles_test.ts.
 */
import type { Migration } from "./migration_files.ts";

interface ScriptOptions {
  /** The statement that makes the record of migrations where there is none. */
  readonly createRecord: string;
  /** Where the tables are made, as `search_path` has it. */
  readonly searchPath: string;
}

/** The SQL that applies the migrations and records them, as `deno task migrate` does. */
export function scriptOf(
  migrations: readonly Migration[],
  { createRecord, searchPath }: ScriptOptions,
): string {
  if (migrations.length === 0) return "-- The schema is up to date.\n";
  const parts = migrations.map(({ name, script, sha256, inTransaction }) => {
    const record = "INSERT INTO weir_migrations (name, sha256, applied_at)\n" +
      `VALUES (${literal(name)}, ${literal(sha256)}, clock_timestamp());`;
    const body = `${script.trimEnd()}\n${record}`;
    return `-- ${name}\n${inTransaction ? `BEGIN;\n${body}\nCOMMIT;` : body}\n`;
  });
  return [
    "-- Run this as the owner of the schema: psql -v ON_ERROR_STOP=1 -f FILE\n",
    `SET search_path TO ${searchPath};`,
    "SET lock_timeout TO '2s';\n",
    `${createRecord};\n`,
    ...parts,
  ].join("\n");
}

/** The statements by which the owner gives a role what the service needs. */
export function grantsOf(role: string, database: string, schema: string): string {
  const [to, at, where] = [identifier(role), identifier(database), identifier(schema)];
  return [
    `GRANT CONNECT ON DATABASE ${at} TO ${to};`,
    `GRANT USAGE ON SCHEMA ${where} TO ${to};`,
    `GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA ${where} TO ${to};`,
    `REVOKE INSERT, UPDATE, DELETE ON ${where}.weir_migrations FROM ${to};`,
    `ALTER DEFAULT PRIVILEGES IN SCHEMA ${where}`,
    `  GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO ${to};\n`,
  ].join("\n");
}

const literal = (text: string) => `'${text.replaceAll("'", "''")}'`;
const identifier = (name: string) =>
  /^[a-z_][a-z0-9_]*$/.test(name) ? name : `"${name.replaceAll('"', '""')}"`;
