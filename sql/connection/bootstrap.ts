/**
 * What is asked of a PostgreSQL server before Weir's own database can be used: does it answer,
 * whose data does it serve, and the database itself. Each question has a connection of its own and
 * a bound in time, since the server asked may be starting, hung, or not PostgreSQL at all.
 */
import { connect } from "./driver.ts";
import type { Sql } from "./database.ts";
import { DatabaseTimeout } from "./pool.ts";

/** invalid_catalog_name: the server is up, the database is not made yet */
const NO_SUCH_DATABASE = "3D000";
/** duplicate_database, and unique_violation when two create it in the same instant */
const MADE_MEANWHILE = new Set(["42P04", "23505"]);

/** Whether a query on the URL's database is answered; makes the database when only that lacks. */
export async function answersQueries(url: string, timeoutMs: number): Promise<boolean> {
  try {
    await askServer(url, timeoutMs, (sql) => sql`select 1`);
    return true;
  } catch (error) {
    if (codeOf(error) !== NO_SUCH_DATABASE) return false;
    return await createDatabase(url, timeoutMs * 10).then(() => true, () => false);
  }
}

/** The folder whose data the server serves. @throws what the driver throws, `DatabaseTimeout` */
export async function dataDirectoryOf(url: string, timeoutMs: number): Promise<string> {
  const [row] = await askServer(
    withDatabase(url, "postgres"),
    timeoutMs,
    (sql) => sql<{ data_directory: string }[]>`show data_directory`,
  );
  return row?.data_directory ?? "";
}

/** The SQLSTATE of a server's error or the code of a socket's. */
export function codeOf(error: unknown): string | undefined {
  if (typeof error !== "object" || error === null || !("code" in error)) return undefined;
  return typeof error.code === "string" ? error.code : undefined;
}

/** Whether the server took the connection or the question and then said nothing. */
export function isTimeout(error: unknown): boolean {
  return error instanceof DatabaseTimeout || codeOf(error) === "CONNECT_TIMEOUT";
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
  const sql = connect(url, {
    max: 1,
    connect_timeout: timeoutMs / 1_000,
    fetch_types: false,
    connection: { application_name: "weir bootstrap" },
  });
  const { promise: gaveUp, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new DatabaseTimeout(timeoutMs)), timeoutMs);
  try {
    const answer = ask(sql);
    answer.catch(() => undefined); // it may fail after the timeout was answered already
    return await Promise.race([answer, gaveUp]);
  } finally {
    clearTimeout(timer);
    await sql.end({ timeout: 0 }).catch(() => undefined); // the answer is known already
  }
}

function withDatabase(url: string, database: string): string {
  const changed = new URL(url);
  changed.pathname = `/${database}`;
  return changed.href;
}
