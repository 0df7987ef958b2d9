/**
 * A session with PostgreSQL: one connection, set up before its first statement.
 *
 * The settings go to the server in a statement of their own, and not in the start-up message. A
 * pooler refuses most start-up settings, or drops them without a word. Then the session reads them
 * back. It is of no use if a promise rests on a setting that did not stay. Where a pooler shares the
 * server's session out, each transaction is set up instead (pooler/shared_sql.ts).
 *
 * The connection is made once. When it is lost, the session has ended: a connection that the driver
 * made anew would not be set up.
 */
import type postgres from "postgres";
import { connect, type Sql } from "./driver.ts";
import { type Primary, primaryOf } from "./hosts/primary.ts";
import { shareSql } from "./pooler/shared_sql.ts";
import { setUp, setUpOf, UnfitSession } from "./set_up.ts";
import type { Settings } from "./settings.ts";
import { type Host, understand } from "./url.ts";

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
  /** True when a pooler hands the server's session to others; known once the session is ready. */
  isShared = false;
  /**
   * Resolves when the session is set up. @throws UnfitSession, UnfitDatabase, or the error of the
   *   driver
   */
  readonly ready: Promise<void>;
  /** The server, or the one that is asked first until the primary is found. */
  host: Host;
  #sql: Sql;
  #readyMs: number | null = null;
  #closed = false;
  #hasFailed = false;
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
    this.#sql = connect(url, own, Math.max(1_000, connectTimeoutMs), choose ?? undefined);
    this.ready = this.#setUp();
    this.ready.catch(() => { // the caller may have given up meanwhile
      this.#hasFailed = true;
      this.#primary?.doubt();
      isPooled.delete(url);
    });
  }

  /** Use it only after `ready`. */
  get sql(): Sql {
    return this.#sql;
  }

  /** True when it could not be set up. It never will be. */
  get hasFailed(): boolean {
    return this.#hasFailed;
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
    const { settings: asked, pooler } = understand(url).target;
    const needed = setUpOf(asked, settings);
    this.isShared = pooler === "transaction" ||
      (pooler === null && (isPooled.get(url) ?? await askForPooler(url, this.#sql)));
    if (this.isShared) this.#sql = await shareSql(this.#sql, needed);
    else {
      const pid = await setUp(this.#sql, needed, "session");
      if (pooler !== "session" && pid.ofServer !== pid.ofGreeting) throw new SuddenPooler();
    }
    this.#readyMs = this.ageMs;
  }

  #close(): void {
    if (this.#closed) return;
    this.#closed = true;
    if (!this.#isEnding) {
      this.#primary?.doubt();
      isPooled.delete(this.options.url);
    }
    void this.sql.end({ timeout: 0 }).catch(() => undefined); // or the driver would connect anew
    this.options.onClosed?.();
  }
}

/**
 * Whether a pooler stands on the way of each URL. It is asked once, because a far database has no time
 * for a further round trip, and again after a connection was lost: somebody may have put one there.
 */
const isPooled = new Map<string, boolean>();

/** Somebody has put a pooler on the way since it was asked for. The next session asks again. */
class SuddenPooler extends UnfitSession {
  constructor() {
    super("a pooler stands before the server now");
  }
}

/**
 * A pooler names itself, and not the server's process, when one connects. Nobody can ask in which mode
 * it is. So it is taken to be in the mode that asks more of Weir.
 */
async function askForPooler(url: string, sql: Sql): Promise<boolean> {
  const answer = await sql.unsafe("SELECT pg_catalog.pg_backend_pid() AS pid").simple();
  const pooled = answer[0]?.["pid"] !== answer.state.pid;
  isPooled.set(url, pooled);
  return pooled;
}

/**
 * Opens a session, and ends it after `use`.
 * @throws what `use` throws, or as `Session.ready` does
 */
export async function withSession<T>(
  options: SessionOptions,
  use: (sql: Sql, session: Session) => Promise<T>,
): Promise<T> {
  const session = new Session(options);
  try {
    await session.ready;
    return await use(session.sql, session);
  } finally {
    await session.end(1_000); // this also gives back the locks of the session
  }
}
