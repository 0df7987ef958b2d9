/**
 * Migrations: numbered SQL files, applied once each, forward only.
 *
 * Each file runs in one transaction with the record that it ran, so a crash leaves both or neither.
 * A file whose first line is `-- outside a transaction` runs statement by statement: an index on a
 * table in use has to be built CONCURRENTLY, which no transaction may do. After a crash such a file
 * runs again from its first statement, so it begins by undoing an unfinished run.
 *
 * One migrator runs at a time, under a lock. A statement waits 2 s for a lock on a table, and all
 * later statements on that table wait behind it. When that time is over, the migrator rolls back,
 * pauses for 250 to 750 ms so that the others run, and tries again, ten times in all.
 *
 * The runner refuses a file that was edited after it ran, and a schema that is newer than this code.
 * When nothing is to be done it only reads, so a role that may not create anything can start.
 */
import type { Sql, Tx } from "./connection/database.ts";
import { codeOf } from "./connection/failure.ts";
import { SQLSTATE } from "./connection/failure/codes.ts";
import { StandbyAlone } from "./connection/failure/standby_alone.ts";
import { type Session, withSession } from "./connection/session.ts";
import { takeSessionLock } from "./connection/session_lock.ts";
import { isTextOf, type Migration, readMigrations } from "./migration_files.ts";
import { grantsOf, scriptOf } from "./migration_script.ts";
import { missingRight, missingSchema } from "./schema_rights.ts";
import { pause } from "./waiting.ts";

/** The key of the migrators' advisory lock. */
const MIGRATION_LOCK = 0x6d696772; // "migr"
/** A migrator that holds the lock for longer counts as hung, and the other one gives up. */
const MIGRATOR_TIMEOUT_MS = 60_000;
/** A statement gives up its wait for a lock on a table after this time, to let the traffic pass. */
const LOCK_TIMEOUT_MS = 2_000;
const LOCK_ATTEMPTS = 10;
const CONNECT_TIMEOUT_MS = 10_000;
/** The mean pause between two attempts; each takes from half to one and a half times as long. */
const LOCK_PAUSE_MS = 500;
/** A semicolon at the end of a line ends a statement of a file that runs outside a transaction. */
const STATEMENT_END = /;\s*$/m;

/** A schema that cannot be migrated; the message is one line for the operator. */
export class MigrationError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "MigrationError";
  }
}

/** Another migrator is at work for too long. */
export class MigrationLocked extends Error {
  constructor() {
    super("another migrator holds the lock and does not give it back");
    this.name = "MigrationLocked";
  }
}

export interface MigrationStatus {
  readonly name: string;
  /** When it was applied, ISO 8601; null when it was not. */
  readonly appliedAt: string | null;
}

/**
 * Brings the schema up to date.
 * @returns the names of the migrations that were applied, in order
 * @throws MigrationError when the recorded schema does not fit this code, or the role may not change
 *   it; MigrationLocked when another migrator is at work
 */
export async function migrate(
  options: {
    readonly databaseUrl: string;
    /** False: only checks that nothing is to be applied. Default: true. */
    readonly apply?: boolean;
  },
): Promise<{ applied: string[] }> {
  const migrations = await readMigrations();
  return await withConnection(options.databaseUrl, async (sql, session) => {
    await refuseStandby(sql);
    await refuseMissingSchema(sql);
    await refuseSecond(sql);
    const pending = pendingOf(migrations, await readRecord(sql));
    if (pending.length === 0) return { applied: [] };
    if (options.apply === false) {
      throw new MigrationError(ownerNeeded(pending, "WEIR_MIGRATE is off"));
    }
    if (session.isShared) throw new MigrationError(sessionNeeded(pending));
    const missing = await missingRight(sql);
    if (missing !== null) throw new MigrationError(ownerNeeded(pending, missing));
    return {
      applied: await applyAll(session, migrations).catch((error) => explain(error, pending)),
    };
  });
}

async function applyAll(session: Session, migrations: readonly Migration[]): Promise<string[]> {
  const { sql } = session;
  const locked = await takeSessionLock(session, MIGRATION_LOCK, MIGRATOR_TIMEOUT_MS);
  if (!locked) throw new MigrationLocked();
  await createRecord(sql);
  const applied: string[] = [];
  for (const migration of pendingOf(migrations, await readRecord(sql))) {
    await apply(sql, migration);
    applied.push(migration.name);
  }
  return applied;
}

/** All migrations in order, applied or not. */
export async function migrationStatus(
  options: { readonly databaseUrl: string },
): Promise<MigrationStatus[]> {
  const migrations = await readMigrations();
  return await withConnection(options.databaseUrl, async (sql) => {
    const record = await readRecord(sql);
    pendingOf(migrations, record);
    const appliedAt = new Map(record.map((row) => [row.name, row.applied_at.toISOString()]));
    return migrations.map(({ name }) => ({ name, appliedAt: appliedAt.get(name) ?? null }));
  });
}

/**
 * The SQL of the migrations that are not applied, as one text for `psql`. Changes nothing.
 * @throws MigrationError when the schema for the tables does not exist
 */
export async function pendingScript(
  options: { readonly databaseUrl: string },
): Promise<string> {
  const migrations = await readMigrations();
  return await withConnection(options.databaseUrl, async (sql) => {
    await refuseMissingSchema(sql); // or psql would make the tables in pg_temp
    const pending = pendingOf(migrations, await readRecord(sql));
    const [row] = await sql<{ path: string }[]>`SELECT current_setting('search_path') AS path`;
    return scriptOf(pending, { createRecord: RECORD, searchPath: row?.path ?? "" });
  });
}

/**
 * The statements that give `role` what the service needs. Changes nothing.
 * @throws MigrationError before the first migration
 */
export async function grantScript(
  options: { readonly databaseUrl: string; readonly role: string },
): Promise<string> {
  return await withConnection(options.databaseUrl, async (sql) => {
    const [place] = await sql<{ database: string; schema: string }[]>`
      SELECT current_database() AS database, nspname AS schema
      FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace
      WHERE pg_class.oid = to_regclass('weir_migrations')`;
    if (place === undefined) {
      throw new MigrationError("there are no tables yet: run `deno task migrate` first");
    }
    return grantsOf(options.role, place.database, place.schema);
  });
}

interface RecordRow {
  readonly name: string;
  readonly sha256: string;
  readonly applied_at: Date;
}

/** The migrations still to apply. @throws MigrationError when the record and the files do not fit */
function pendingOf(
  migrations: readonly Migration[],
  record: readonly RecordRow[],
): readonly Migration[] {
  const known = new Map(migrations.map((migration) => [migration.name, migration]));
  for (const { name, sha256 } of record) {
    const migration = known.get(name);
    if (migration === undefined) {
      throw new MigrationError(
        `the database's schema is newer than this code: it has ${name}, which is not in sql/migrations`,
      );
    }
    if (!isTextOf(migration, sha256)) {
      throw new MigrationError(
        `sql/migrations/${name} was edited after it was applied: restore it and add a new migration`,
      );
    }
  }
  const applied = new Set(record.map((row) => row.name));
  return migrations.filter(({ name }) => !applied.has(name));
}

async function withConnection<T>(
  url: string,
  use: (sql: Sql, session: Session) => Promise<T>,
): Promise<T> {
  const settings = { lock_timeout: String(LOCK_TIMEOUT_MS) };
  const connectTimeoutMs = CONNECT_TIMEOUT_MS;
  return await withSession({ url, name: "migrate", connectTimeoutMs, settings }, use);
}

const RECORD = `CREATE TABLE IF NOT EXISTS weir_migrations (
  name text NOT NULL PRIMARY KEY, sha256 text NOT NULL, applied_at timestamptz NOT NULL
)`;

async function createRecord(sql: Sql): Promise<void> {
  await sql.unsafe(RECORD);
}

/** The migrations that ran; none when there is no record of them yet. */
async function readRecord(sql: Sql): Promise<readonly RecordRow[]> {
  const [row] = await sql<{ exists: boolean }[]>`
    SELECT to_regclass('weir_migrations') IS NOT NULL AS exists`;
  if (row?.exists !== true) return [];
  return await sql<RecordRow[]>`
    SELECT name, sha256, applied_at FROM weir_migrations ORDER BY name`;
}

/** A standby shows the schema of its primary, and takes no order. */
async function refuseStandby(sql: Sql): Promise<void> {
  const [server] = await sql<{ standby: boolean }[]>`SELECT pg_is_in_recovery() AS standby`;
  if (server?.standby === true) throw new StandbyAlone();
}

async function refuseMissingSchema(sql: Sql): Promise<void> {
  const missing = await missingSchema(sql);
  if (missing !== null) throw new MigrationError(missing);
}

/** Two schemas of one database would share the fold's lock and the channel of its notices. */
async function refuseSecond(sql: Sql): Promise<void> {
  const rows = await sql<{ nspname: string }[]>`
    SELECT nspname FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace
    WHERE relname = 'weir_migrations' AND relkind IN ('r', 'p') ORDER BY nspname`;
  if (rows.length < 2) return;
  throw new MigrationError(
    `the schemas ${rows.map(({ nspname }) => nspname).join(" and ")} hold tables of Weir each: ` +
      "give each Weir a database of its own",
  );
}

/** A right that is missing in the middle is told like one that is missing at the start. */
function explain(error: unknown, pending: readonly Migration[]): never {
  if (codeOf(error) !== SQLSTATE.insufficientPrivilege) throw error;
  throw new MigrationError(ownerNeeded(pending, error instanceof Error ? error.message : ""));
}

/** A migrator's lock and its indexes need a session of its own. */
function sessionNeeded(pending: readonly Migration[]): string {
  return `${notApplied(pending)}, and a pooler shares the sessions out: set ` +
    "WEIR_DIRECT_DATABASE_URL to the server itself, or WEIR_DATABASE_POOLER=session if that is its mode";
}

function ownerNeeded(pending: readonly Migration[], why: string): string {
  return `${notApplied(pending)}, and ${why}: run \`deno task migrate\` as the owner of the schema`;
}

function notApplied(pending: readonly Migration[]): string {
  const [first, last] = [pending[0]?.name, pending.at(-1)?.name];
  return first === last
    ? `the migration ${first} is not applied`
    : `the migrations ${first} to ${last} are not applied`;
}

/** Runs one file, again after a pause when it does not get a lock in time. */
async function apply(sql: Sql, migration: Migration): Promise<void> {
  for (let attempt = 1;; attempt++) {
    try {
      return migration.inTransaction
        ? await sql.begin((tx) => runWhole(tx, migration))
        : await runStatements(sql, migration);
    } catch (error) {
      const code = codeOf(error);
      const locked = code === SQLSTATE.lockNotAvailable || code === SQLSTATE.deadlockDetected;
      if (!locked || attempt === LOCK_ATTEMPTS) throw error;
    }
    await pause(LOCK_PAUSE_MS * (0.5 + Math.random()));
  }
}

async function runWhole(tx: Tx, migration: Migration): Promise<void> {
  await tx.unsafe(migration.script).simple();
  await record(tx, migration);
}

async function runStatements(sql: Sql, migration: Migration): Promise<void> {
  for (const statement of migration.script.split(STATEMENT_END)) {
    if (statement.trim() !== "") await sql.unsafe(statement).simple();
  }
  await record(sql, migration);
}

async function record(sql: Sql | Tx, { name, sha256 }: Migration): Promise<void> {
  await sql`
    INSERT INTO weir_migrations (name, sha256, applied_at)
    VALUES (${name}, ${sha256}, clock_timestamp())`;
}
