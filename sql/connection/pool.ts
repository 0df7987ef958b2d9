/**
 * A pool of sessions with PostgreSQL.
 *
 * Every call goes through `Pool.run` or `Pool.transaction`, because of three weaknesses of
 * postgres.js 3.4:
 * - It cannot end one connection that hangs. A paused server keeps its sockets open and is silent.
 * - A lost connection keeps the bytes that it had not written yet, so it may never work again.
 * - Its queue of waiting calls has no bound (gate.ts).
 *
 * So a call is given up a little after the server should have cancelled it. When a session is lost,
 * all sessions of the pool are replaced. A session that nobody uses for a while is ended, because
 * others may need the connection (connections.ts).
 *
 * A new session costs five or six round trips, so a far server may not have it ready when the call is given
 * up. If other calls were answered meanwhile, the server is there. Then the session goes on
 * connecting, and a later call gets it.
 */
import { Connections, type Sharer } from "./connections.ts";
import { type Sql, transaction, type Tx } from "./driver.ts";
import { isConnectionLost, isFull, isStandby } from "./failure.ts";
import { DatabaseTimeout, NotReplicated, PoolCut } from "./failure/given_up.ts";
import { Gate } from "./gate.ts";
import { answersKnock } from "./hosts/knock.ts";
import { type Primary, primaryOf } from "./hosts/primary.ts";
import { Session } from "./session.ts";
import type { Settings } from "./settings.ts";
import { answerWithin, pause } from "../waiting.ts";

export interface PoolOptions {
  /** `postgres://user:password@host:port/database`; the primary of several hosts is found. */
  readonly url: string;
  readonly name: string;
  readonly maxConnections: number;
  /** `run` gives up after this time. The server cancels the statement a little earlier. */
  readonly statementTimeoutMs: number;
  /** The most calls that wait for a connection. */
  readonly maxWaiting?: number;
  /** The longest wait for a connection; default `statementTimeoutMs`. */
  readonly waitTimeoutMs?: number;
  /** Settings of each session that differ from `SETTINGS`. */
  readonly settings?: Settings;
  /** Shared with other pools of the database; default: shared with none. */
  readonly connections?: Connections;
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

/**
 * Where there are several hosts, a call that waits for so long looks for a sign of life of its server.
 * Few calls take so long. A host alone has the whole time of the statement.
 */
const PATIENCE_MS = 600;
/** The pause before the next attempt when the server has refused a connection. */
const REFUSED_PAUSE_MS = 50;
/**
 * A pool that has calls keeps a new session for this time, although another pool waits for the
 * connection. To make a session costs more than a call.
 */
const TURN_MS = 250;
/** A session is ended when nobody has used it for this time. */
const IDLE_MS = 20_000;
/** A session has the time of so many calls to be ready. Chosen: a call is one or two round trips. */
const READY_CALLS = 4;

/** A pool of sessions that can be replaced as a whole. */
export class Pool implements Sharer {
  #ended = false;
  readonly #primary: Primary | null;
  readonly #forgetPrimary: (() => void) | undefined;
  /** Counts cancelled waits for a standby. The server warns of one before it ends the call. */
  #cancelledWaits = 0;
  /** When the server last answered a call, as in `Session.begunAt`. */
  #answeredAt = -Infinity;
  /** The sessions that calls may use: idle ones, and those in use. */
  readonly #sessions = new Set<Session>();
  /** The idle sessions, each with the timer of its end. The latest used one is the last. */
  readonly #idle = new Map<Session, ReturnType<typeof setTimeout>>();
  readonly #gate: Gate;
  readonly #connections: Connections;
  readonly #retiring = new Set<Promise<void>>();
  /** Gives up every call under way. */
  readonly #cut = new AbortController();

  constructor(readonly options: PoolOptions) {
    const { url, maxConnections, maxWaiting = MAX_WAITING } = options;
    this.#primary = primaryOf(url);
    this.#forgetPrimary = this.#primary?.onMoved(() => this.#leave());
    this.#gate = new Gate({
      places: maxConnections,
      maxWaiting,
      waitTimeoutMs: this.#waitTimeoutMs,
    });
    this.#connections = options.connections ?? new Connections(maxConnections);
    this.#connections.join(this);
  }

  get open(): number {
    return this.#sessions.size;
  }
  get #waitTimeoutMs(): number {
    return this.options.waitTimeoutMs ?? this.options.statementTimeoutMs;
  }

  /**
   * Runs `use` with a session of the pool.
   * @throws PoolBusy when none came free in time, DatabaseTimeout when no answer came in time,
   *   NotReplicated when a wait for a standby was cancelled meanwhile, of this call or of another,
   *   UnfitSession or UnfitDatabase when a new session is of no use, else the error of the driver
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
    const timeoutMs = this.options.statementTimeoutMs;
    const late = () => new DatabaseTimeout(timeoutMs);
    const waitUntil = performance.now() + this.#waitTimeoutMs;
    for (;;) {
      const session = await this.#take(waitUntil);
      let isGivenUp = false;
      try {
        const call = session.ready.then(() =>
          isGivenUp ? Promise.reject(late()) : use(session.sql)
        );
        const doubt = this.#primary === null
          ? undefined
          : { afterMs: PATIENCE_MS, isAlive: () => this.#isAlive(session) };
        const answer = await answerWithin(timeoutMs, call, late, this.#cut.signal, doubt);
        this.#answeredAt = performance.now();
        return answer;
      } catch (error) {
        isGivenUp = true;
        const goesOn = !session.isReady && isFull(error) && this.#connections.refused(session);
        if (!goesOn) {
          this.#replaceIfLost(session, error);
          throw error;
        }
        this.#drop(session, 0);
        await pause(REFUSED_PAUSE_MS);
      } finally {
        this.#release(session);
      }
    }
  }

  /** False when the server is frozen or cut off: it answers neither another call nor a knock. */
  #isAlive({ host, readyMs }: Session): boolean | Promise<boolean> {
    const isHeard = performance.now() - this.#answeredAt < PATIENCE_MS;
    return isHeard || readyMs === null || answersKnock(host, readyMs);
  }

  /** Runs `use` in one transaction, READ COMMITTED unless `mode` says otherwise. @throws as `run` */
  transaction<T>(use: (tx: Tx) => Promise<T>, mode = ""): Promise<T> {
    return this.run((sql) => transaction(sql, mode, use));
  }

  giveBack(): boolean {
    for (const session of this.#idle.keys()) { // only the one that has been idle longest
      this.#drop(session, 0);
      return true;
    }
    return false;
  }

  /** Leaves a connection to a session that is in no pool, when the server has none left. */
  makeRoom(): void {
    this.#connections.leaveOne();
  }

  /** Ends all sessions. Calls under way have `timeoutMs` to end. Legal twice. */
  async end(timeoutMs = 1_000): Promise<void> {
    this.#ended = true;
    this.#forgetPrimary?.();
    const cut = new PoolCut();
    this.#gate.clear(cut);
    this.#connections.refuse(this, cut);
    // The driver leaves some calls waiting, such as one that is connecting.
    if (timeoutMs === 0) this.#cut.abort(cut);
    for (const session of this.#sessions) this.#drop(session, timeoutMs);
    await Promise.all(this.#retiring);
  }

  /** An idle session, or a new one that is not ready yet. @throws PoolBusy, PoolCut */
  async #take(waitUntil: number): Promise<Session> {
    for (;;) {
      if (this.#ended) throw new PoolCut();
      const session = this.#takeIdle() ?? this.#open();
      if (session !== null) return session;
      await this.#connections.wait(this, waitUntil - performance.now());
    }
  }

  #takeIdle(): Session | null {
    const idle = [...this.#idle.keys()];
    const session = idle.findLast(({ isReady }) => isReady) ?? idle.at(-1);
    if (session === undefined) return null;
    clearTimeout(this.#idle.get(session));
    this.#idle.delete(session);
    return session;
  }

  /** A new session; null when there is no room for it. */
  #open(): Session | null {
    if (!this.#connections.take()) return null;
    const { url, name, statementTimeoutMs, settings } = this.options;
    const session = new Session({
      url,
      name,
      connectTimeoutMs: statementTimeoutMs,
      readyTimeoutMs: READY_CALLS * statementTimeoutMs,
      settings: {
        statement_timeout: String(
          Math.ceil(statementTimeoutMs - Math.min(MAX_GRACE_MS, statementTimeoutMs / 5)),
        ),
        ...settings,
      },
      onNotice: (notice) => {
        if (notice.routine === STANDBY_WAIT) this.#cancelledWaits++;
      },
      onClosed: () => this.#forget(session),
    });
    this.#sessions.add(session);
    return session;
  }

  #release(session: Session): void {
    if (session.isClosed || !this.#sessions.has(session)) return;
    if (session.hasFailed) return this.#drop(session, 0);
    const hasTurn = this.#gate.waiting > 0 && session.ageMs < TURN_MS;
    if (!hasTurn && !this.#connections.mayKeep(this)) return this.#drop(session, 0);
    this.#idle.set(session, setTimeout(() => this.#drop(session, 0), IDLE_MS));
    this.#connections.idle(this);
  }

  #replaceIfLost(session: Session, error: unknown): void {
    const isFar = !session.isReady && this.#answeredAt > session.begunAt &&
      session.ageMs < READY_CALLS * this.options.statementTimeoutMs;
    if (error instanceof DatabaseTimeout && isFar) return; // it goes on connecting
    if (error instanceof DatabaseTimeout) this.#replace(session, 0);
    else if (isConnectionLost(error) || isStandby(error)) this.#replace(session, RETIRE_MS);
  }

  /** Replaces the sessions. When many calls fail on the same ones, the first call does it. */
  #replace(lost: Session, timeoutMs: number): void {
    if (this.#ended || !this.#sessions.has(lost)) return;
    this.#primary?.doubt();
    for (const session of this.#sessions) this.#drop(session, timeoutMs);
  }

  /** Ends the sessions with a host that is the primary no more. */
  #leave(): void {
    const left = [...this.#sessions].filter(({ isReady }) => isReady);
    for (const session of left) this.#drop(session, RETIRE_MS);
  }

  /** Ends a session, which gets no further call. */
  #drop(session: Session, timeoutMs: number): void {
    clearTimeout(this.#idle.get(session));
    this.#idle.delete(session);
    this.#sessions.delete(session);
    const retiring = session.end(timeoutMs);
    this.#retiring.add(retiring);
    retiring.finally(() => this.#retiring.delete(retiring));
  }

  #forget(session: Session): void {
    clearTimeout(this.#idle.get(session));
    this.#idle.delete(session);
    this.#sessions.delete(session);
    this.#connections.left(session.isReady);
  }
}
