/**
 * A pool of connections to PostgreSQL.
 *
 * Every call goes through `Pool.run` or `Pool.transaction`, because of three weaknesses of
 * postgres.js 3.4:
 * - It cannot end one connection that hangs. A paused server keeps its sockets open and is silent.
 * - A lost connection keeps the bytes that it had not written yet, so it may never work again.
 * - Its queue of waiting calls has no bound (gate.ts).
 *
 * So a call is given up a little after the server should have cancelled it. When a connection is
 * lost, all connections of the pool are replaced.
 */
import type postgres from "postgres";
import { connect, type Sql, type Tx } from "./driver.ts";
import { isConnectionLost, isStandby, WEIR_CODE } from "./failure.ts";
import { Gate } from "./gate.ts";
import { nextHostFirst } from "./url.ts";
import { answerWithin } from "../waiting.ts";

/** The call was given up after `timeoutMs` without an answer. Its outcome is unknown. */
export class DatabaseTimeout extends Error {
  readonly code = WEIR_CODE.databaseTimeout;
  constructor(readonly timeoutMs: number) {
    super(`the database did not answer within ${timeoutMs} ms`);
    this.name = "DatabaseTimeout";
  }
}

/**
 * The server has committed the call without its standby, because somebody cancelled the wait. A
 * failover would lose the commit, so its outcome counts as unknown.
 */
class NotReplicated extends Error {
  readonly code = WEIR_CODE.notReplicated;
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
  /** `run` gives up after this time. The server cancels the statement a little earlier. */
  readonly statementTimeoutMs: number;
  /** The most calls that wait for a connection. */
  readonly maxWaiting?: number;
  /** The longest wait for a connection; default `statementTimeoutMs`. */
  readonly waitTimeoutMs?: number;
  /** Further settings of each session, such as `idle_in_transaction_session_timeout`. */
  readonly session?: Readonly<Record<string, string>>;
}

/**
 * The server cancels a statement at most this long before the pool gives the call up. In this time
 * the server's answer can still arrive.
 */
const MAX_GRACE_MS = 500;
/** The routine of the server that warns of a cancelled wait for a standby, and of nothing else. */
const STANDBY_WAIT = "SyncRepWaitForLSN";
/** The time that the other calls have to end before they are cut, when a connection is lost. */
const RETIRE_MS = 1_000;
/** About as many quick calls as a pool answers in a second. */
const MAX_WAITING = 1_000;

/** The pool was ended at once, and the call with it. */
class PoolCut extends Error {
  readonly code = WEIR_CODE.poolCut;
  constructor() {
    super("the pool was ended");
    this.name = "PoolCut";
  }
}

/** A pool of connections that can be replaced as a whole. */
export class Pool {
  #sql: Sql;
  #url: string;
  #ended = false;
  /** Counts cancelled waits for a standby. The server warns of one before it ends the call. */
  #cancelledWaits = 0;
  readonly #gate: Gate;
  readonly #retiring = new Set<Promise<void>>();
  /** Gives up every call under way. */
  readonly #cut = new AbortController();

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
   * @throws PoolBusy when none came free in time, DatabaseTimeout when no answer came in time,
   *   NotReplicated when a wait for a standby was cancelled meanwhile, of this call or of another,
   *   else the error of the driver
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
    const late = () => new DatabaseTimeout(timeoutMs);
    try {
      return await answerWithin(timeoutMs, use(sql), late, this.#cut.signal);
    } catch (error) {
      if (error instanceof DatabaseTimeout) this.#replace(sql, 0);
      else if (isConnectionLost(error) || isStandby(error)) this.#replace(sql, RETIRE_MS);
      throw error;
    }
  }

  /** Runs `use` in one transaction, READ COMMITTED unless `mode` says otherwise. @throws as `run` */
  transaction<T>(use: (tx: Tx) => Promise<T>, mode = ""): Promise<T> {
    return this.run((sql) => sql.begin(mode, (tx) => use(tx).catch(keepOffLost)) as Promise<T>);
  }

  /** Ends all connections. Calls under way have `timeoutMs` to end. Legal twice. */
  async end(timeoutMs = 1_000): Promise<void> {
    this.#ended = true;
    const cut = new PoolCut();
    this.#gate.clear(cut);
    // The driver leaves some calls waiting, such as one that is connecting.
    if (timeoutMs === 0) this.#cut.abort(cut);
    await Promise.all([this.#sql.end({ timeout: timeoutMs / 1_000 }), ...this.#retiring]);
  }

  #connect(): Sql {
    return connectPool(this.options, this.#url, (notice) => {
      if (notice.routine === STANDBY_WAIT) this.#cancelledWaits++;
    });
  }

  /** Replaces the connections. When many calls fail on the same ones, the first call does it. */
  #replace(lost: Sql, timeoutMs: number): void {
    if (this.#ended || this.#sql !== lost) return;
    this.#url = nextHostFirst(this.#url);
    this.#sql = this.#connect();
    const retiring = lost.end({ timeout: timeoutMs / 1_000 }).catch(() => undefined);
    this.#retiring.add(retiring);
    retiring.finally(() => this.#retiring.delete(retiring));
  }
}

/**
 * Passes an error on to the driver, unless the connection is lost. The driver answers an error with
 * a ROLLBACK, and a write to a closed connection throws where nobody can catch it
 * (porsager/postgres issue 1208). On a lost connection the transaction ends when the driver sees
 * that the connection is closed.
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
    // The circuit breaker decides when the database is asked again. The driver's own backoff of up
    // to 20 s would hide that the database is back.
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
