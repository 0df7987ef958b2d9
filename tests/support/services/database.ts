/**
 * A database of its own for each test, on the run's private PostgreSQL.
 *
 * The migrations run once, into a template whose name carries their hash; each test gets a copy of
 * it and drops it afterwards. A test fails when the code under test left a connection open.
 */
import { connect, type Sql } from "../../../sql/connection/driver.ts";
import { identityKindOf, identityOf } from "../../../sql/figures/identity.ts";
import { grantScript, migrate } from "../../../sql/migrate.ts";
import { testServices, until } from "./services.ts";
import { pooled } from "../programs/pgbouncer.ts";
import { withholdPosition } from "./roles/withheld_position.ts";
import {
  addEvilSchema,
  addSchema,
  asWorst,
  inSchema,
  isWorst,
  prepareForWorst,
  ROLE,
} from "./roles/worst_role.ts";

export type TestSql = Sql;

export interface TestDatabase {
  /** For the code under test. */
  readonly url: string;
  /** Past a pooler, for what needs a session of its own. */
  readonly directUrl: string;
  /** For the test's own questions; ended when the test ends. */
  readonly sql: TestSql;
  /** One more connection, for a transaction that the test holds open; ended with the test. */
  session(): TestSql;
}

export interface DisposableDatabase extends TestDatabase {
  /** Ends `sql`, checks that nothing else is connected, drops the database. May be called twice. */
  drop(): Promise<void>;
}

/** The advisory lock by which only one caller of the run makes the template. */
const TEMPLATE_LOCK = 4_711_017;
const LEFT_OPEN_TIMEOUT_MS = 3_000;

/** Runs `test` with a freshly migrated database, and removes it whatever happens. */
export async function withDatabase<T>(test: (database: TestDatabase) => Promise<T>): Promise<T> {
  const database = await testDatabase();
  let outcome: T;
  try {
    outcome = await test(database);
  } catch (error) {
    await database.drop().catch(() => undefined); // the test's own failure says more
    throw error;
  }
  await database.drop();
  return outcome;
}

/** A freshly migrated database for callers that cannot be wrapped; they call `drop()`. */
export async function testDatabase(): Promise<DisposableDatabase> {
  const name = `weir_test_${crypto.randomUUID().replaceAll("-", "")}`;
  await administer(async (admin) => {
    const template = await ensureTemplate(admin);
    await admin`create database ${admin(name)} template ${admin(template)}`;
    if (isWorst()) await prepareForWorst(admin, name);
  });
  const database = open(name);
  // The first epoch began on the template, and the copy is another database. So the epoch gets the
  // identity of the copy, and the number 1 for the tests. It begins now: the template is old, and
  // figures since its begin would be old too.
  const { sql } = database;
  await sql`
    update epochs set epoch = 1, begun_at = clock_timestamp(),
                      identity = (select identity from ${
    identityOf(sql, await identityKindOf(sql))
  } as i)`;
  return database;
}

/** An empty database, for tests of the migrations themselves. */
export async function emptyDatabase(): Promise<DisposableDatabase> {
  const name = `weir_test_${crypto.randomUUID().replaceAll("-", "")}`;
  await administer(async (admin) => {
    await admin`create database ${admin(name)}`;
    if (isWorst()) await prepareForWorst(admin, name);
  });
  const database = open(name);
  if (isWorst()) {
    await addSchema(database.sql, ROLE);
    await withholdPosition(database.sql);
  }
  return database;
}

function open(name: string): DisposableDatabase {
  const open: TestSql[] = [];
  const openWith = (max: number) => {
    const sql = connect(adminUrlOf(name), {
      max,
      connection: { application_name: "weir test", TimeZone: "UTC" },
    });
    open.push(sql);
    return sql;
  };
  let dropping: Promise<void> | undefined;
  return {
    url: urlOf(name),
    directUrl: directUrlOf(name),
    sql: openWith(4),
    session: () => openWith(1),
    drop: () => dropping ??= drop(name, open),
  };
}

async function drop(name: string, open: readonly TestSql[]): Promise<void> {
  await Promise.all(open.map((sql) => sql.end({ timeout: 5 })));
  await administer(async (admin) => {
    let left: string[] = [];
    try {
      await until("connections to end", async () => {
        left = await connectionsTo(admin, name);
        return left.length === 0;
      }, LEFT_OPEN_TIMEOUT_MS).catch(() => undefined);
    } finally {
      await admin`drop database ${admin(name)} with (force)`;
    }
    if (left.length > 0) {
      throw new Error(`the test left ${left.length} connections open: ${left.join(", ")}`);
    }
  });
}

async function connectionsTo(admin: TestSql, name: string): Promise<string[]> {
  const rows = await admin<{ line: string }[]>`
    select application_name || ' (' || coalesce(state, 'unknown') || ': ' || left(query, 80) || ')'
      as line
    from pg_stat_activity
    where datname = ${name} and backend_type = 'client backend'`;
  return rows.map((row) => row.line);
}

/** Made once per server and set of migrations. A half-made template is replaced. */
async function ensureTemplate(admin: TestSql): Promise<string> {
  const name = `weir_template_${isWorst() ? "worst_" : ""}${await migrationsHash()}`;
  if (await isTemplate(admin, name)) return name;
  // `administer` ends the session, and with it the lock. Migrations wait only for snapshots of
  // their own database, so a session that waits here does not hold them up.
  await admin`select pg_advisory_lock(${TEMPLATE_LOCK})`;
  if (await isTemplate(admin, name)) return name;
  await admin`drop database if exists ${admin(name)} with (force)`;
  await admin`create database ${admin(name)}`;
  if (isWorst()) await makeWorst(admin, name);
  else await migrate({ databaseUrl: directUrlOf(name) });
  await admin`alter database ${admin(name)} with is_template true`;
  return name;
}

/** A template whose owner makes the tables, and gives the role its rights. */
async function makeWorst(admin: TestSql, name: string): Promise<void> {
  await prepareForWorst(admin, name);
  const sql = connect(adminUrlOf(name), { max: 1 });
  await addEvilSchema(sql);
  await addSchema(sql);
  await withholdPosition(sql);
  const databaseUrl = inSchema(adminUrlOf(name));
  await migrate({ databaseUrl });
  await sql.unsafe(await grantScript({ databaseUrl, role: ROLE })).simple();
  await sql.end({ timeout: 5 });
}

async function isTemplate(admin: TestSql, name: string): Promise<boolean> {
  const rows = await admin`select from pg_database where datname = ${name} and datistemplate`;
  return rows.length > 0;
}

async function migrationsHash(): Promise<string> {
  const folder = new URL("../../../sql/migrations/", import.meta.url);
  const names: string[] = [];
  for await (const entry of Deno.readDir(folder)) names.push(entry.name);
  const texts = await Promise.all(
    names.sort().map((name) => Deno.readTextFile(new URL(name, folder))),
  );
  const bytes = new TextEncoder().encode(JSON.stringify([names, texts]));
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return Array.from(digest.slice(0, 8), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** One connection to the server's own database, ended afterwards. */
async function administer(use: (admin: TestSql) => Promise<void>): Promise<void> {
  const admin: TestSql = connect(testServices().databaseUrl, {
    max: 1,
    idle_timeout: 0,
    connection: { application_name: "weir test admin" },
  });
  try {
    await use(admin);
  } finally {
    await admin.end({ timeout: 5 });
  }
}

/** For the code under test. */
const urlOf = (database: string) => pooled(directUrlOf(database));

function directUrlOf(database: string): string {
  const url = adminUrlOf(database);
  return isWorst() ? asWorst(url) : url;
}

function adminUrlOf(database: string): string {
  const url = new URL(testServices().databaseUrl);
  url.pathname = `/${database}`;
  return url.href;
}
