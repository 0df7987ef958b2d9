/**
 * The connections to PostgreSQL: one pool per kind of work, so that reads cannot starve writes.
 * Tested in tests/sql/connection/pool_test.ts and tests/system/database.
 */
import { Pool } from "./pool.ts";

export type { Sql, Tx } from "./driver.ts";
export type { Pool } from "./pool.ts";

const AUDIT_TIMEOUT_MS = 60_000;
/** The time that reading the figures of very many watched scopes may take. */
const LIVE_WAIT_TIMEOUT_MS = 60_000;

/**
 * We always read rollups and orders in the order of an index, mostly its first few rows. Without
 * these settings, a plan made while a table was empty or held only dead rows would scan the whole
 * table. It would do so until the next ANALYZE, or for as long as a snapshot is held open.
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
  /** Cancellations. Many cancellations do not slow other work down. */
  readonly cancel: Pool;
  /** Orders out of the overflow, so that they do not stand in the way of new orders. */
  readonly drain: Pool;
  /** The fold. When the folding process hangs, its session loses lock and transaction in a second. */
  readonly fold: Pool;
  /** Reads and health checks. */
  readonly read: Pool;
  /** The figures of watched scopes. Other reads do not slow them down, nor they other reads. */
  readonly live: Pool;
  /** API keys, so that no flood of reads keeps a caller out. */
  readonly keys: Pool;
  /** Recounts. They may take longer than any call for which a client waits. */
  readonly audit: Pool;
  end(): Promise<void>;
  /** Ends all connections and all calls at once. */
  cut(): Promise<void>;
}

export interface DatabaseOptions {
  readonly url: string;
  readonly statementTimeoutMs: number;
  /** The number of batches that may be in flight at once. */
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
    // `committed` promises a synchronous commit, so we do not rely on the server's default.
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
    maxWaiting: Infinity, // one call per watched scope may wait
    waitTimeoutMs: LIVE_WAIT_TIMEOUT_MS,
  });
  const keys = new Pool({ ...read.options, name: "keys", maxConnections: 1 });
  const audit = new Pool({
    ...read.options,
    name: "audit",
    maxConnections: 1,
    statementTimeoutMs: Math.max(AUDIT_TIMEOUT_MS, statementTimeoutMs),
    session: { jit: "off", idle_in_transaction_session_timeout: "10000" },
  });
  const pools = { write, cancel, drain, fold, read, live, keys, audit };
  const endAll = async (timeoutMs?: number) => {
    await Promise.all(Object.values(pools).map((pool) => pool.end(timeoutMs)));
  };
  return { ...pools, end: () => endAll(), cut: () => endAll(0) };
}
