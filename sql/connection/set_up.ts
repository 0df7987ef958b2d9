/**
 * Sets a session up, or one transaction of a session that a pooler shares out, and reads back what a
 * promise rests on. All travels as one text, so it costs one round trip.
 *
 * Tested in tests/sql/connection/session_test.ts and pooler/shared_sql_test.ts.
 */
import type postgres from "postgres";
import { WEIR_CODE } from "./failure/codes.ts";
import { PROMISED, SCHEMA, SETTINGS, type Settings } from "./settings.ts";

/** The oldest PostgreSQL that the tests run on. */
const MIN_VERSION = 14;
const ENCODING = "UTF8";

/** A setting that a promise rests on did not stay: a pooler or a superuser stands in the way. */
export class UnfitSession extends Error {
  override readonly name = "UnfitSession";
  readonly code = WEIR_CODE.unfitSession;
}

/** The database can never keep Weir's orders as they are. The message says what to do. */
export class UnfitDatabase extends Error {
  override readonly name = "UnfitDatabase";
  readonly code = WEIR_CODE.unfitDatabase;
}

/** The settings of a session. */
export interface SetUp {
  /** The settings that the connection string asks for. The server must know each of them. */
  readonly asked: Settings;
  /** The settings that Weir needs. */
  readonly own: Settings;
}

/** @param own values besides those of `SETTINGS`, or instead of them */
export function setUpOf(targetSettings: Settings, own: Settings = {}): SetUp {
  const { search_path = SCHEMA, ...asked } = targetSettings;
  // A temporary table would go first unless pg_temp is named.
  return { asked, own: { ...SETTINGS, search_path: `${search_path}, pg_temp`, ...own } };
}

/**
 * Sets and reads back.
 * @param lasts for the whole session, or until the transaction that `sql` is in ends
 * @returns the number of the server's process, and the one that the way to it told at its greeting
 * @throws UnfitSession, UnfitDatabase, or the error of the driver, also when the server does not know a
 *   setting that is asked for
 */
export async function setUp(
  sql: Pick<postgres.Sql, "unsafe">,
  { asked, own }: SetUp,
  lasts: "session" | "transaction",
): Promise<{ readonly ofServer: number; readonly ofGreeting: number }> {
  const { search_path = "" } = own;
  const promised: Settings = { ...PROMISED, search_path };
  const wanted = [asked, own].flatMap((settings) =>
    Object.entries(settings).map(([name, value]) =>
      `(${quoted(name)}, ${quoted(value)}, ${settings === own})`
    )
  );
  const read = ["server_version_num", "server_encoding", ...Object.keys(promised)];
  const results: unknown = await sql.unsafe(`
    SELECT pg_catalog.set_config(name, value, ${lasts === "transaction"})
    FROM (VALUES ${wanted.join(", ")}) AS wanted (name, value, is_own)
    -- An older server does not know every setting of ours.
    WHERE NOT is_own OR pg_catalog.current_setting(name, true) IS NOT NULL;
    SELECT name, pg_catalog.current_setting(name, true) AS value
    FROM (VALUES ${read.map((name) => `(${quoted(name)})`).join(", ")}) AS wanted (name)
    UNION ALL SELECT 'pid', pg_catalog.pg_backend_pid()::text`)
    .simple();
  const [, rows] = results as [unknown, postgres.RowList<Found[]>];
  const found = new Map(rows.map(({ name, value }) => [name, value]));
  checkDatabase(found);
  for (const [name, value] of Object.entries(promised)) {
    if (found.get(name) !== value) {
      throw new UnfitSession(
        `the session has ${name} = ${found.get(name)} and Weir needs ${value}: ` +
          "a pooler or a right of the role keeps Weir from setting it",
      );
    }
  }
  return { ofServer: Number(found.get("pid")), ofGreeting: rows.state.pid };
}

interface Found {
  readonly name: string;
  readonly value: string | null;
}

/** A literal that means the same, whatever `standard_conforming_strings` is. */
function quoted(text: string): string {
  return `E'${text.replaceAll("\\", "\\\\").replaceAll("'", "''")}'`;
}

/** @throws UnfitDatabase */
function checkDatabase(found: ReadonlyMap<string, string | null>): void {
  const version = Math.floor(Number(found.get("server_version_num")) / 10_000);
  if (!(version >= MIN_VERSION)) {
    throw new UnfitDatabase(
      `the server is PostgreSQL ${version}, and Weir needs ${MIN_VERSION} or newer`,
    );
  }
  const encoding = found.get("server_encoding");
  if (encoding !== ENCODING) {
    throw new UnfitDatabase(
      `the database has the encoding ${encoding}, which cannot hold every text of an order: ` +
        `make one with CREATE DATABASE … ENCODING '${ENCODING}' TEMPLATE template0`,
    );
  }
}
