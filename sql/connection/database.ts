/**
 * The connections to PostgreSQL: one pool for each kind of work, so that reads cannot starve writes.
 *
 * Tested in tests/sql and, with a service around it, in tests/server/service_stop_test.ts.
 */
import { Pool } from "./pool.ts";

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
  jit: "off",
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
  /** API keys, so that many reads do not keep a caller out. */
  readonly keys: Pool;
  /** Recounts for the audit. They may take long, and no caller waits for them. */
  readonly audit: Pool;
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
  const write = new Pool({
    url,
    name: "write",
    maxConnections: options.writeConnections,
    statementTimeoutMs,
    // The status `committed` promises this, so the server's default must not change it.
    session: { synchronous_commit: "on", client_min_messages: "warning", jit: "off" },
  });
  const cancel = new Pool({ ...write.options, name: "cancel", maxConnections: 2 });
  const drain = new Pool({ ...write.options, name: "drain", maxConnections: 1 });
  const fold = new Pool({
    url,
    name: "fold",
    maxConnections: 1,
    statementTimeoutMs,
    session: {
      idle_in_transaction_session_timeout: "1000",
      synchronous_commit: "on",
      ...BY_INDEX,
      enable_hashjoin: "off",
      enable_mergejoin: "off",
    },
  });
  const read = new Pool({
    url,
    name: "read",
    maxConnections: 6,
    statementTimeoutMs,
    session: BY_INDEX,
  });
  const live = new Pool({
    ...read.options,
    name: "live",
    maxConnections: 3,
    maxWaiting: Infinity, // one for each watched scope
    waitTimeoutMs: LIVE_WAIT_TIMEOUT_MS,
  });
  const keys = new Pool({ ...read.options, name: "keys", maxConnections: 1 });
  const audit = new Pool({
    ...read.options,
    name: "audit",
    maxConnections: 1,
    statementTimeoutMs: Math.max(AUDIT_TIMEOUT_MS, statementTimeoutMs),
    session: { jit: "off", idle_in_transaction_session_timeout: "10s" },
  });
  const pools = { write, cancel, drain, fold, read, live, keys, audit };
  const endAll = async (timeoutMs?: number) => {
    await Promise.all(Object.values(pools).map((pool) => pool.end(timeoutMs)));
  };
  return { ...pools, end: () => endAll(), cut: () => endAll(0) };
}
