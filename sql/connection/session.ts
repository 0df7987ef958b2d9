/**
 * A session with PostgreSQL: one connection, set up before its first statement.
 *
 * The settings go to the server in a statement of their own, and not in the start-up message. A
 * pooler refuses most start-up settings, or drops them without a word. Then the session reads them
 * back. It is of no use if a promise rests on a setting that did not stay.
 *
 * The connection is made once. When it is lost, the session has ended: a connection that the driver
 * made anew would not be set up.
 */
import type postgres from "postgres";
import { connect, type Sql } from "./driver.ts";
import { WEIR_CODE } from "./failure/codes.ts";
import { PROMISED, SCHEMA, SETTINGS, type Settings } from "./settings.ts";
import { type Primary, primaryOf } from "./hosts/primary.ts";
import { type Host, understand } from "./url.ts";

/** The oldest PostgreSQL that the tests have run on. */
const MIN_VERSION = 15;
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

export interface SessionOptions {
  /** `postgres://user:password@host:port/database`; the primary of several hosts is found. */
  readonly url: string;
  /** The server lists the session as `weir <name>`. */
  readonly name: string;
  /** The time to reach a host, for all hosts together. */
  readonly connectTimeoutMs: number;
  /** The time to be connected; default `connectTimeoutMs`. */
  readonly readyTimeoutMs?: number;
  /** Values besides those of `SETTINGS`, or instead of them. */
  readonly settings?: Settings;
  readonly onNotice?: (notice: postgres.Notice) => void;
  /** Called with each notification of a channel that the session listens to. */
  readonly onNotification?: (channel: string, payload: string) => void;
  /** Called once, when the connection is lost or ended. */
  readonly onClosed?: () => void;
}

export class Session {
  /** Use it only after `ready`. */
  readonly sql: Sql;
  /**
   * Resolves when the session is set up. @throws UnfitSession, UnfitDatabase, or the error of the
   *   driver
   */
  readonly ready: Promise<void>;
  /** The server, or the one that is asked first until the primary is found. */
  host: Host;
  #readyMs: number | null = null;
  #closed = false;
  #isEnding = false;
  readonly #primary: Primary | null;
  /** When the session began to connect, by `performance.now()`. */
  readonly begunAt = performance.now();

  /** Begins to connect. */
  constructor(readonly options: SessionOptions) {
    const { url, name, connectTimeoutMs, onNotice, onNotification } = options;
    const { readyTimeoutMs = connectTimeoutMs } = options;
    const own = {
      max: 1,
      max_lifetime: null,
      connect_timeout: Math.max(1, readyTimeoutMs / 1_000),
      backoff: () => 0, // an ended session leaves no timer of the driver behind
      ...(onNotice === undefined ? {} : { onnotice: onNotice }),
      ...(onNotification === undefined ? {} : { onnotify: onNotification }),
      onclose: () => this.#close(),
      connection: { application_name: `weir ${name}` },
    };
    this.#primary = primaryOf(url);
    this.host = understand(url).target.hosts[0]!;
    const primary = this.#primary;
    const choose = primary && (async (ms: number) => this.host = await primary.find(ms));
    this.sql = connect(url, own, Math.max(1_000, connectTimeoutMs), choose ?? undefined);
    this.ready = this.#setUp();
    this.ready.catch(() => this.#primary?.doubt()); // the caller may have given up meanwhile
  }

  /** True once the session is set up, also after its end. */
  get isReady(): boolean {
    return this.#readyMs !== null;
  }

  /** The time that it took to be ready, at least five round trips; null: it never was. */
  get readyMs(): number | null {
    return this.#readyMs;
  }

  get ageMs(): number {
    return performance.now() - this.begunAt;
  }

  /** True when the connection is lost or ended, or was never made. */
  get isClosed(): boolean {
    return this.#closed;
  }

  /** Ends the session. A statement under way has `timeoutMs` to end. Legal twice. */
  async end(timeoutMs: number): Promise<void> {
    this.#isEnding = true;
    await this.sql.end({ timeout: timeoutMs / 1_000 }).catch(() => undefined);
    this.#close();
  }

  async #setUp(): Promise<void> {
    const { url, settings } = this.options;
    const { settings: { search_path = SCHEMA, ...asked } } = understand(url).target;
    // A temporary table would go first unless pg_temp is named.
    const path = { search_path: `${search_path}, pg_temp` };
    await setUp(this.sql, asked, { ...SETTINGS, ...path, ...settings });
    this.#readyMs = this.ageMs;
  }

  #close(): void {
    if (this.#closed) return;
    this.#closed = true;
    if (!this.#isEnding) this.#primary?.doubt();
    void this.sql.end({ timeout: 0 }).catch(() => undefined); // or the driver would connect anew
    this.options.onClosed?.();
  }
}

/**
 * Opens a session, and ends it after `use`.
 * @throws what `use` throws, or as `Session.ready` does
 */
export async function withSession<T>(
  options: SessionOptions,
  use: (sql: Sql) => Promise<T>,
): Promise<T> {
  const session = new Session(options);
  try {
    await session.ready;
    return await use(session.sql);
  } finally {
    await session.end(1_000); // this also gives back the locks of the session
  }
}

interface Found {
  readonly name: string;
  readonly value: string | null;
}

/**
 * Sets what the connection string asks for and what Weir needs, and reads it back. All travels as
 * one text, so it costs one round trip.
 * @throws as `Session.ready`, also when the server does not know a setting that is asked for
 */
async function setUp(sql: Sql, asked: Settings, own: Settings): Promise<void> {
  const { search_path = "" } = own;
  const promised: Settings = { ...PROMISED, search_path };
  const wanted = [asked, own].flatMap((settings) =>
    Object.entries(settings).map(([name, value]) =>
      `(${quoted(name)}, ${quoted(value)}, ${settings === own})`
    )
  );
  const read = ["server_version_num", "server_encoding", ...Object.keys(promised)];
  const results: unknown = await sql.unsafe(`
    SELECT pg_catalog.set_config(name, value, false)
    FROM (VALUES ${wanted.join(", ")}) AS wanted (name, value, is_own)
    -- An older server does not know every setting of ours.
    WHERE NOT is_own OR pg_catalog.current_setting(name, true) IS NOT NULL;
    SELECT name, pg_catalog.current_setting(name, true) AS value
    FROM (VALUES ${read.map((name) => `(${quoted(name)})`).join(", ")}) AS wanted (name)`)
    .simple();
  const [, rows] = results as [unknown, readonly Found[]];
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
