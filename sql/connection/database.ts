/**
 * The connections to PostgreSQL: one pool for each kind of work, so that reads cannot starve writes.
 *
 * Tested in tests/sql and, with a service around it, in tests/server/service_stop_test.ts.
 */
import { type ConnectionLimit, Connections } from "./connections.ts";
import { Pool, type PoolOptions } from "./pool.ts";

export type { Sql, Tx } from "./driver.ts";
export type { Pool } from "./pool.ts";

const AUDIT_TIMEOUT_MS = 60_000;
/** When the minute turns, all watched scopes are read at once, and the last of them waits longest. */
const LIVE_WAIT_TIMEOUT_MS = 60_000;

/**
 * Reads of rollups and orders follow an index, mostly for its first few rows. The planner prefers a
 * full scan of a table that was empty, or full of dead rows, at the latest ANALYZE. Such a plan would
 * stay until the next ANALYZE, or for as long as some snapshot is held open. So no full scan is
 * allowed here.
 */
const BY_INDEX = {
  enable_seqscan: "off",
  enable_bitmapscan: "off",
  enable_sort: "off",
};

/** The most connections of each pool but `write`. */
const POOL_CONNECTIONS = {
  cancel: 2,
  drain: 1,
  fold: 1,
  read: 6,
  live: 3,
  keys: 1,
  guesses: 1,
  audit: 1,
};

/** All pools of one instance. */
export interface Database {
  /** Batches of orders and nothing else. */
  readonly write: Pool;
  /** Cancellations, which must not take the connections of new orders. */
  readonly cancel: Pool;
  /** Orders out of the overflow, so that they do not stand in the way of new orders. */
  readonly drain: Pool;
  /** The fold. Its session loses lock and transaction a second after its process stops. */
  readonly fold: Pool;
  /** Reads and health checks. */
  readonly read: Pool;
  /** The figures of watched scopes, which must not wait behind other reads. */
  readonly live: Pool;
  /** API keys in use, so that many reads do not keep a caller out. */
  readonly keys: Pool;
  /** Tokens that the instance does not know, so that no stranger delays a key in use. */
  readonly guesses: Pool;
  /** Recounts for the audit. They may take long, and no caller waits for them. */
  readonly audit: Pool;
  /** The limit of the server, when it is below what the pools want; null while it is not. */
  connectionLimit(): ConnectionLimit | null;
  end(): Promise<void>;
  /** Ends all connections at once. Every call under way fails. */
  cut(): Promise<void>;
}

export interface DatabaseOptions {
  readonly url: string;
  readonly statementTimeoutMs: number;
  /** The most batches that may commit at once. */
  readonly writeConnections: number;
}

/** Makes the pools. A pool connects at its first call. */
export function openDatabase(options: DatabaseOptions): Database {
  const { url, statementTimeoutMs } = options;
  const sizes = { ...POOL_CONNECTIONS, write: options.writeConnections };
  const connections = new Connections(Object.values(sizes).reduce((sum, size) => sum + size, 0));
  const poolOf = (name: keyof typeof sizes, own: Partial<PoolOptions> = {}) =>
    new Pool({ url, name, statementTimeoutMs, maxConnections: sizes[name], connections, ...own });
  const pools = {
    write: poolOf("write"),
    cancel: poolOf("cancel"),
    drain: poolOf("drain"),
    fold: poolOf("fold", {
      settings: {
        idle_in_transaction_session_timeout: "1000",
        ...BY_INDEX,
        enable_hashjoin: "off",
        enable_mergejoin: "off",
      },
    }),
    read: poolOf("read", { settings: BY_INDEX }),
    live: poolOf("live", {
      settings: BY_INDEX,
      maxWaiting: Infinity, // one for each watched scope
      waitTimeoutMs: LIVE_WAIT_TIMEOUT_MS,
    }),
    keys: poolOf("keys", { settings: BY_INDEX }),
    guesses: poolOf("guesses", { settings: BY_INDEX }),
    audit: poolOf("audit", {
      statementTimeoutMs: Math.max(AUDIT_TIMEOUT_MS, statementTimeoutMs),
      settings: { idle_in_transaction_session_timeout: "10s" },
    }),
  };
  const endAll = async (timeoutMs?: number) => {
    await Promise.all(Object.values(pools).map((pool) => pool.end(timeoutMs)));
  };
  return {
    ...pools,
    connectionLimit: () => connections.limit,
    end: () => endAll(),
    cut: () => endAll(0),
  };
}
