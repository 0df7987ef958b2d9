/** The connections to PostgreSQL: one pool per kind of work, so that reads cannot starve writes. */
import { Pool } from "./pool.ts";

export type { Sql, Tx } from "./driver.ts";
export type { Pool } from "./pool.ts";

const AUDIT_TIMEOUT_MS = 60_000;
/** What a turn of very many watched scopes takes. */
const LIVE_WAIT_TIMEOUT_MS = 60_000;

/**
 * Rollups and orders are only ever reached in the order of an index, and mostly for its first few
 * rows. A plan made while a table was empty, or was empty but for dead rows, would go on looking
 * through all of it, until the next ANALYZE or for as long as some snapshot is held open.
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
  /** Cancellations, however many somebody sends. */
  readonly cancel: Pool;
  /** What comes out of the overflow buffer, so that it does not stand in the way of new orders. */
  readonly drain: Pool;
  /** The fold: its session loses lock and transaction within a second when its holder stops. */
  readonly fold: Pool;
  /** Reads and health checks. */
  readonly read: Pool;
  /** The figures of watched scopes, however many there are, and whatever else is read. */
  readonly live: Pool;
  /** API keys, so that no flood of reads keeps a caller out. */
  readonly keys: Pool;
  /** Recounts, which may take longer than anything that somebody waits for. */
  readonly audit: Pool;
  end(): Promise<void>;
  /** Ends all connections at once, and with them every call. */
  cut(): Promise<void>;
}

export interface DatabaseOptions {
  readonly url: string;
  readonly statementTimeoutMs: number;
  /** How many batches may be in flight at once. */
  readonly writeConnections: number;
}

/** Makes the pools; connects nowhere until the first call. */
export function openDatabase(options: DatabaseOptions): Database {
  const { url, statementTimeoutMs } = options;
  const write = new Pool({
    url,
    name: "write",
    maxConnections: options.writeConnections,
    statementTimeoutMs,
    // synchronous_commit is what `committed` promises, whatever the server's own default is.
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
    maxWaiting: Infinity, // as many as there are watched scopes
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
