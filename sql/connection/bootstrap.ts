/**
 * Questions to a PostgreSQL server before Weir's own database can be used: does it answer, and whose
 * data does it serve? The database itself is made here too, when it is missing.
 *
 * Each question has a connection of its own and a bound in time, because the server may be starting,
 * hung, or not PostgreSQL at all.
 *
 * Tested in tests/server/embedded/postgres_test.ts.
 */
import type { Sql } from "./database.ts";
import { codeOf } from "./failure.ts";
import { SQLSTATE } from "./failure/codes.ts";
import { DatabaseTimeout } from "./failure/given_up.ts";
import { Session } from "./session.ts";
import { answerWithin } from "../waiting.ts";

/** A key of the catalog is violated when two make the database in the same instant. */
const MADE_MEANWHILE: ReadonlySet<string> = new Set([
  SQLSTATE.databaseExists,
  SQLSTATE.uniqueViolation,
]);

/** True when a query on the URL's database is answered. Makes the database if only that is missing. */
export async function answersQueries(url: string, timeoutMs: number): Promise<boolean> {
  try {
    await askServer(url, timeoutMs, (sql) => sql`select 1`);
    return true;
  } catch (error) {
    if (codeOf(error) !== SQLSTATE.noSuchDatabase) return false;
    return await createDatabase(url, timeoutMs * 10).then(() => true, () => false);
  }
}

/** The folder whose data the server serves. @throws DatabaseTimeout, or the error of the driver */
export async function dataDirectoryOf(url: string, timeoutMs: number): Promise<string> {
  const [row] = await askServer(
    withDatabase(url, "postgres"),
    timeoutMs,
    (sql) => sql<{ data_directory: string }[]>`show data_directory`,
  );
  return row?.data_directory ?? "";
}

async function createDatabase(url: string, timeoutMs: number): Promise<void> {
  const name = new URL(url).pathname.slice(1);
  try {
    await askServer(
      withDatabase(url, "postgres"),
      timeoutMs,
      (sql) => sql`create database ${sql(name)}`,
    );
  } catch (error) {
    if (!MADE_MEANWHILE.has(codeOf(error) ?? "")) throw error;
  }
}

async function askServer<T>(
  url: string,
  timeoutMs: number,
  ask: (sql: Sql) => Promise<T>,
): Promise<T> {
  const session = new Session({ url, name: "bootstrap", connectTimeoutMs: timeoutMs });
  const answer = session.ready.then(() => ask(session.sql));
  try {
    return await answerWithin(timeoutMs, answer, () => new DatabaseTimeout(timeoutMs));
  } finally {
    await session.end(0);
  }
}

function withDatabase(url: string, database: string): string {
  const changed = new URL(url);
  changed.pathname = `/${database}`;
  return changed.href;
}
