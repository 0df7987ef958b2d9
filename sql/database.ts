/**
 * The connections to PostgreSQL: one pool per kind of work, so that reads cannot starve writes.
 *
 * postgres.js cannot end one connection that hangs (a server that was stopped keeps its sockets
 * open and says nothing). So every call goes through `Pool.run`, which gives up a little after the
 * server should have given up itself, and replaces the whole pool: the next call finds new
 * connections, and the old ones end by themselves in the background.
 */
import postgres from "postgres";

export type Sql = postgres.Sql<Record<string, never>>;
export type Tx = postgres.TransactionSql<Record<string, never>>;

/** A call that was given up after `timeoutMs` without an answer: its outcome is not known. */
export class DatabaseTimeout extends Error {
  readonly code = "WEIR_DATABASE_TIMEOUT";
  constructor(readonly timeoutMs: number) {
    super(`the database did not answer within ${timeoutMs} ms`);
    this.name = "DatabaseTimeout";
  }
}

export interface PoolOptions {
  /** `postgres://user:password@host:port/database`; several hosts are tried in order. */
  readonly url: string;
  readonly name: string;
  readonly maxConnections: number;
  /** The server cancels a statement past this; `run` gives up `GRACE_MS` later. */
  readonly statementTimeoutMs: number;
  /** Further settings of each session, such as `idle_in_transaction_session_timeout`. */
  readonly session?: Readonly<Record<string, string>>;
}

/** What the server gets beyond its own timeout to say that it cancelled the statement. */
const GRACE_MS = 500;

/** A pool of connections that can be replaced as a whole. */
export class Pool {
  #sql: Sql;
  #ended = false;

  constructor(readonly options: PoolOptions) {
    this.#sql = connect(options);
  }

  /**
   * Runs `use` with the pool's connections.
   * @throws DatabaseTimeout when no answer came in time, else what the driver throws.
   */
  async run<T>(use: (sql: Sql) => Promise<T>, timeoutMs = this.#giveUpMs): Promise<T> {
    const sql = this.#sql;
    const { promise: gaveUp, reject } = Promise.withResolvers<never>();
    const timer = setTimeout(() => reject(new DatabaseTimeout(timeoutMs)), timeoutMs);
    const answer = use(sql);
    try {
      return await Promise.race([answer, gaveUp]);
    } catch (error) {
      if (error instanceof DatabaseTimeout) {
        answer.catch(() => undefined); // it fails when its connection ends, and was answered here
        this.#replace(sql);
      }
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  /** Ends all connections, waiting at most `timeoutMs` for what they are doing. Legal twice. */
  async end(timeoutMs = 1_000): Promise<void> {
    this.#ended = true;
    await this.#sql.end({ timeout: timeoutMs / 1_000 });
  }

  get #giveUpMs(): number {
    return this.options.statementTimeoutMs + GRACE_MS;
  }

  /** Only once per pool: of many calls that hang on the same connections the first one acts. */
  #replace(hung: Sql): void {
    if (this.#ended || this.#sql !== hung) return;
    this.#sql = connect(this.options);
    hung.end({ timeout: 0 }).catch(() => undefined); // nothing waits for these connections any more
  }
}

function connect({ url, name, maxConnections, statementTimeoutMs, session }: PoolOptions): Sql {
  return postgres(url, {
    max: maxConnections,
    connect_timeout: Math.max(1, statementTimeoutMs / 1_000),
    // The circuit breaker decides when the database is asked again; a connection that backed off
    // by itself for up to 20 s (the driver's default) would only hide that it is back.
    backoff: () => 0.05,
    onnotice: () => undefined,
    connection: {
      application_name: `weir ${name}`,
      statement_timeout: statementTimeoutMs,
      TimeZone: "UTC",
      ...session,
    },
  });
}

/** All pools of one instance. */
export interface Database {
  /** Batches of orders and nothing else. */
  readonly write: Pool;
  /** The fold: its session loses lock and transaction within a second when its holder stops. */
  readonly fold: Pool;
  /** Reads, keys and health checks. */
  readonly read: Pool;
  end(): Promise<void>;
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
    session: { synchronous_commit: "on", jit: "off" },
  });
  const fold = new Pool({
    url,
    name: "fold",
    maxConnections: 1,
    statementTimeoutMs,
    session: {
      idle_in_transaction_session_timeout: "1000",
      synchronous_commit: "on",
      // The rollups are only ever reached by key. A plan made while a table was empty would go on
      // scanning it after it has grown, until the next ANALYZE.
      enable_seqscan: "off",
      enable_hashjoin: "off",
      enable_mergejoin: "off",
      jit: "off",
    },
  });
  const read = new Pool({
    url,
    name: "read",
    maxConnections: 6,
    statementTimeoutMs,
    session: { jit: "off" },
  });
  return {
    write,
    fold,
    read,
    end: async () => {
      await Promise.all([write.end(), fold.end(), read.end()]);
    },
  };
}
