/**
 * A pool of connections to PostgreSQL.
 *
 * Every call goes through `Pool.run` or `Pool.transaction`, because postgres.js 3.4 has three
 * weaknesses. It cannot end one connection that hangs; a server that was stopped keeps its sockets
 * open and says nothing. A lost connection keeps its unwritten bytes, so it may never work again.
 * The driver's queue of waiting calls has no bound (gate.ts).
 *
 * A call therefore gives up a little after the server should have given up. When a connection is
 * lost, the pool replaces all its connections.
 */
import postgres from "postgres";
import { connect, type Sql, type Tx } from "./driver.ts";
import { Gate } from "./gate.ts";

/** A call that gave up after `timeoutMs` without an answer. Its outcome is unknown. */
export class DatabaseTimeout extends Error {
  readonly code = "WEIR_DATABASE_TIMEOUT";
  constructor(readonly timeoutMs: number) {
    super(`the database did not answer within ${timeoutMs} ms`);
    this.name = "DatabaseTimeout";
  }
}

/**
 * A commit that did not wait for its standby, because somebody cancelled the wait. A failover would
 * lose the commit, so its outcome counts as unknown.
 */
class NotReplicated extends Error {
  readonly code = "WEIR_NOT_REPLICATED";
  constructor() {
    super("the wait for the synchronous standby was cancelled");
    this.name = "NotReplicated";
  }
}

export interface PoolOptions {
  /** `postgres://user:password@host:port/database`; several hosts are tried in order. */
  readonly url: string;
  readonly name: string;
  readonly maxConnections: number;
  /** `run` gives up after this time. The server cancels a statement a little earlier. */
  readonly statementTimeoutMs: number;
  /** The number of calls that may wait for a connection; default `MAX_WAITING`. */
  readonly maxWaiting?: number;
  /** The longest wait for a connection; default `statementTimeoutMs`. */
  readonly waitTimeoutMs?: number;
  /** Further settings of each session, such as `idle_in_transaction_session_timeout`. */
  readonly session?: Readonly<Record<string, string>>;
}

/** The part of a call's time in which the server can say that it has cancelled the statement. */
const MAX_GRACE_MS = 500;
/** The server's routine that warns of a cancelled wait for a standby. It gives no other warning. */
const STANDBY_WAIT = "SyncRepWaitForLSN";
/** The time that other calls on a lost connection's pool get to end before they are cut. */
const RETIRE_MS = 1_000;
/** About as many quick calls as a pool answers in a second. */
const MAX_WAITING = 1_000;

/** The pool was ended at once, in the middle of its calls. */
class PoolCut extends Error {
  readonly code = "WEIR_POOL_CUT";
}

/** A pool of connections that can be replaced as a whole. */
export class Pool {
  #sql: Sql;
  #url: string;
  #ended = false;
  /** The count of cancelled waits for a standby. The server warns of one before the call ends. */
  #cancelledWaits = 0;
  readonly #gate: Gate;
  readonly #retiring = new Set<Promise<void>>();
  /** One function per call under way. It makes the call give up. */
  readonly #underWay = new Set<(error: Error) => void>();

  constructor(readonly options: PoolOptions) {
    this.#url = options.url;
    this.#gate = new Gate({
      places: options.maxConnections,
      maxWaiting: options.maxWaiting ?? MAX_WAITING,
      waitTimeoutMs: options.waitTimeoutMs ?? options.statementTimeoutMs,
    });
    this.#sql = this.#connect();
  }

  /**
   * Runs `use` with a connection of the pool.
   * @throws PoolBusy when no connection came free in time; DatabaseTimeout when no answer came in
   *   time; NotReplicated when a wait for a standby, also of another call, was cancelled meanwhile;
   *   else the driver's error.
   */
  async run<T>(use: (sql: Sql) => Promise<T>): Promise<T> {
    await this.#gate.enter();
    try {
      const before = this.#cancelledWaits;
      const answer = await this.#run(use);
      if (this.#cancelledWaits !== before) throw new NotReplicated();
      return answer;
    } finally {
      this.#gate.leave();
    }
  }

  async #run<T>(use: (sql: Sql) => Promise<T>): Promise<T> {
    const sql = this.#sql;
    const timeoutMs = this.options.statementTimeoutMs;
    const { promise: gaveUp, reject } = Promise.withResolvers<never>();
    const timer = setTimeout(() => reject(new DatabaseTimeout(timeoutMs)), timeoutMs);
    this.#underWay.add(reject);
    const answer = use(sql);
    try {
      return await Promise.race([answer, gaveUp]);
    } catch (error) {
      answer.catch(() => undefined); // after giving up, a later failure concerns nobody
      if (error instanceof DatabaseTimeout) this.#replace(sql, 0);
      else if (isConnectionLost(error) || isStandby(error)) this.#replace(sql, RETIRE_MS);
      throw error;
    } finally {
      clearTimeout(timer);
      this.#underWay.delete(reject);
    }
  }

  /** Runs `use` in one transaction, READ COMMITTED unless `mode` says otherwise. @throws as `run`. */
  transaction<T>(use: (tx: Tx) => Promise<T>, mode = ""): Promise<T> {
    return this.run((sql) => sql.begin(mode, (tx) => use(tx).catch(keepOffLost)) as Promise<T>);
  }

  /** Ends all connections. Their calls get at most `timeoutMs` to end. Legal twice. */
  async end(timeoutMs = 1_000): Promise<void> {
    this.#ended = true;
    const cut = new PoolCut("the pool was ended");
    this.#gate.clear(cut);
    if (timeoutMs === 0) { // the driver leaves some calls waiting, such as a call that connects
      for (const giveUp of this.#underWay) giveUp(cut);
    }
    await Promise.all([this.#sql.end({ timeout: timeoutMs / 1_000 }), ...this.#retiring]);
  }

  #connect(): Sql {
    return connectPool(this.options, this.#url, (notice) => {
      if (notice.routine === STANDBY_WAIT) this.#cancelledWaits++;
    });
  }

  /** Replaces a set of connections once: many calls may fail on it, and only the first acts. */
  #replace(lost: Sql, timeoutMs: number): void {
    if (this.#ended || this.#sql !== lost) return;
    this.#url = nextHostFirst(this.#url);
    this.#sql = this.#connect();
    const retiring = lost.end({ timeout: timeoutMs / 1_000 }).catch(() => undefined);
    this.#retiring.add(retiring);
    retiring.finally(() => this.#retiring.delete(retiring));
  }
}

/** True when the call's connection is useless from now on. */
function isConnectionLost(error: unknown): boolean {
  if (error instanceof postgres.PostgresError) {
    return error.severity === "FATAL" || error.severity === "PANIC";
  }
  // Errors of the driver and the socket have a code. An error without a code is a bug of ours.
  return error instanceof Error && "code" in error;
}

/** The SQLSTATEs of a standby that is asked for something that only a primary can do. */
const STANDBY = new Set([
  "25006", // a write
  "55000", // a question for the log's position; a fold begins with it, other uses are rare
]);

/** True when a call met a standby, so that the pool must look for the primary. */
function isStandby(error: unknown): boolean {
  return error instanceof postgres.PostgresError && STANDBY.has(error.code);
}

/** The URL with its first host moved to the end, so that new connections try the next host first. */
export function nextHostFirst(url: string): string {
  return url.replace(
    /^([a-z]+:\/\/(?:[^@/]*@)?)([^,/]+),([^/?]+)/,
    (_, before: string, first: string, others: string) => `${before}${others},${first}`,
  );
}

/**
 * Passes an error on, unless the connection is lost. The driver would answer the error with a
 * ROLLBACK, and a write to a closed connection throws where nobody can catch it (porsager/postgres
 * issue 1208). On a lost connection the transaction ends when the driver sees the close.
 */
function keepOffLost(error: unknown): Promise<never> {
  return isConnectionLost(error) ? new Promise(() => undefined) : Promise.reject(error);
}

function connectPool(
  options: PoolOptions,
  url: string,
  onnotice: (notice: postgres.Notice) => void,
): Sql {
  const { name, maxConnections, statementTimeoutMs, session } = options;
  return connect(url, {
    max: maxConnections,
    onnotice,
    connect_timeout: Math.max(1, statementTimeoutMs / 1_000),
    // The circuit breaker decides when the database is asked again. The driver's own back-off, up to
    // 20 s by default, would only hide that the database is back.
    backoff: () => 0.05,
    connection: {
      application_name: `weir ${name}`,
      statement_timeout: Math.ceil(
        statementTimeoutMs - Math.min(MAX_GRACE_MS, statementTimeoutMs / 5),
      ),
      TimeZone: "UTC",
      ...session,
    },
  });
}
