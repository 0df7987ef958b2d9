/**
 * The configuration: the only file that reads the environment.
 *
 * `config/variables.ts` has each variable. A wrong value stops the start with one line that names the
 * variable. Nothing is guessed.
 *
 * Tested in tests/server/config_test.ts and service_start_test.ts.
 */
import type { z } from "zod";
import type { DroppedParameter } from "../sql/connection/url/parameters.ts";
import { understand, withPooler, withSchema } from "../sql/connection/url.ts";
import { RANDOM_KEY, VARIABLES } from "./config/variables.ts";

/** A variable is wrong. The message is one line that names it. */
export class ConfigError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "ConfigError";
  }
}

const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|::1)$/;

/** True when only this machine reaches a service that listens on `host`. */
export function isLoopback(host: string): boolean {
  return LOOPBACK.test(host);
}

export interface Config {
  readonly port: number;
  readonly host: string;
  /** Null: embedded PostgreSQL. */
  readonly databaseUrl: string | null;
  /** The server of the database itself, past a pooler; null: the way of `databaseUrl`. */
  readonly directDatabaseUrl: string | null;
  /** The parameters of DATABASE_URL that are not used. */
  readonly droppedParameters: readonly DroppedParameter[];
  /** Null: a Redis beside the embedded PostgreSQL, or none. */
  readonly redisUrl: string | null;
  readonly dataDir: string;
  /** False: nothing but the task `migrate` changes the schema. */
  readonly migrates: boolean;
  /**
   * `auto`: Redis must prove that it is durable. `trust`: Redis is used without a question. `off`:
   * there is no overflow.
   */
  readonly overflowMode: "auto" | "trust" | "off";
  readonly overflowMaxOrders: number;
  readonly overflowMaxBytes: number;
  readonly redisPrefix: string;
  readonly queueMaxOrders: number;
  readonly queueMaxBytes: number;
  readonly batchMaxOrders: number;
  readonly journalMaxEntries: number;
  /** The rate of each key, over all instances. Null: there is no limit. */
  readonly rate: { readonly ordersPerSecond: number; readonly burst: number } | null;
  readonly statementTimeoutMs: number;
  readonly aggregatorIntervalMs: number;
  readonly aggregatorMinGapMs: number;
  /** Null: as many as this process may open descriptors for. */
  readonly maxConnections: number | null;
  /** Null: half of all. */
  readonly maxConnectionsPerAddress: number | null;
  readonly shutdownMs: number;
  /** A key with every scope; null: there is none. */
  readonly devKey: string | null;
  /** True when each run is to make a key of its own and say it; see front/dev_key.ts. */
  readonly asksRandomKey: boolean;
  /** Origins of pages that may call, besides the service's own; `*` for all. */
  readonly allowedOrigins: readonly string[];
  /** Origins of pages that may put the dashboard into a frame. */
  readonly embedOrigins: readonly string[];
  /** The longest life of a browser token. */
  readonly tokenMaxSeconds: number;
  /** Addresses and networks of proxies whose headers are believed. */
  readonly trustedProxies: readonly string[];
  /** Names that the service answers to, besides the machine's own. */
  readonly allowedHosts: readonly string[];
  /** Null: metrics are on `port`. */
  readonly metricsPort: number | null;
  /** Null: metrics need no key. */
  readonly metricsToken: string | null;
  /** How many processes of the service listen on its port. */
  readonly processes: number;
  /** The address at the supervisor of this process; null: it is a service by itself. */
  readonly supervisor: string | null;
  readonly logLevel: "debug" | "info" | "warning" | "error";
  readonly logFormat: "text" | "json";
  /** True when `npx` started this process, or one above it. npm says so to all that it starts. */
  readonly byNpx: boolean;
}

/** The environment of the process. An empty variable counts as not set. */
export function readEnvironment(): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(Deno.env.toObject()).filter(([, value]) => value !== ""),
  );
}

/** The API key of whoever runs a task that signs with one; null: none is set. */
export function keyOfCaller(): string | null {
  return readEnvironment()["WEIR_KEY"] ?? null;
}

/**
 * Takes a variable away that postgres.js 3.4 obeys whatever it is told: with it, connections to a
 * primary would be given up for ever. Called once, at the start of a process.
 */
export function forgetDriverVariables(): void {
  Deno.env.delete("PGTARGETSESSIONATTRS");
}

/** Without DATABASE_URL, each of these is a mistake. */
const OF_OWN_DATABASE = [
  "WEIR_DATABASE_POOLER",
  "WEIR_DIRECT_DATABASE_URL",
  "WEIR_SCHEMA",
] as const;

/** @throws ConfigError, which names the first variable that is wrong */
export function readConfig(
  environment: Readonly<Record<string, string>> = readEnvironment(),
): Config {
  const parsed = VARIABLES.safeParse(environment);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const name = String(issue?.path[0]);
    throw new ConfigError(`${name} is wrong: ${issue?.message}${shown(name, environment)}`);
  }
  const values = parsed.data;
  if (values.WEIR_DEV_KEY !== undefined && !isLoopback(values.HOST)) {
    throw new ConfigError(
      `WEIR_DEV_KEY is refused: it opens everything, and HOST ${values.HOST} is not a loopback address`,
    );
  }
  const database = values.DATABASE_URL === undefined ? null : understand(values.DATABASE_URL);
  const pooler = values.WEIR_DATABASE_POOLER;
  const directUrl = values.WEIR_DIRECT_DATABASE_URL;
  const direct = directUrl === undefined ? null : understand(directUrl);
  const schema = values.WEIR_SCHEMA;
  const aimless = OF_OWN_DATABASE.find((name) => values[name] !== undefined);
  if (database === null && aimless !== undefined) {
    throw new ConfigError(`${aimless} is set, and DATABASE_URL is not`);
  }
  return {
    port: values.PORT,
    host: values.HOST,
    databaseUrl: database === null ? null : withSchema(withPooler(database.url, pooler), schema),
    directDatabaseUrl: direct === null ? null : withSchema(direct.url, schema),
    droppedParameters: [...database?.dropped ?? [], ...direct?.dropped ?? []],
    redisUrl: values.REDIS_URL ?? null,
    dataDir: values.WEIR_DATA_DIR,
    migrates: values.WEIR_MIGRATE === "on",
    overflowMode: values.WEIR_SPILL,
    overflowMaxOrders: values.WEIR_SPILL_MAX_ORDERS,
    overflowMaxBytes: values.WEIR_SPILL_MAX_BYTES,
    redisPrefix: values.WEIR_REDIS_PREFIX,
    queueMaxOrders: values.WEIR_QUEUE_MAX_ORDERS,
    queueMaxBytes: values.WEIR_QUEUE_MAX_BYTES,
    batchMaxOrders: values.WEIR_BATCH_MAX_ORDERS,
    journalMaxEntries: values.WEIR_JOURNAL_MAX_ENTRIES,
    rate: rateOf(values),
    statementTimeoutMs: values.WEIR_STATEMENT_TIMEOUT_MS,
    aggregatorIntervalMs: values.WEIR_AGGREGATOR_INTERVAL_MS,
    aggregatorMinGapMs: values.WEIR_AGGREGATOR_MIN_GAP_MS,
    maxConnections: values.WEIR_MAX_CONNECTIONS ?? null,
    maxConnectionsPerAddress: values.WEIR_MAX_CONNECTIONS_PER_ADDRESS ?? null,
    shutdownMs: values.WEIR_SHUTDOWN_MS,
    devKey: values.WEIR_DEV_KEY === RANDOM_KEY ? null : values.WEIR_DEV_KEY ?? null,
    asksRandomKey: values.WEIR_DEV_KEY === RANDOM_KEY,
    allowedOrigins: values.WEIR_ALLOWED_ORIGINS ?? [],
    allowedHosts: values.WEIR_ALLOWED_HOSTS ?? [],
    embedOrigins: values.WEIR_EMBED_ORIGINS ?? [],
    tokenMaxSeconds: values.WEIR_TOKEN_MAX_SECONDS,
    trustedProxies: values.WEIR_TRUST_PROXY ?? [],
    metricsPort: values.WEIR_METRICS_PORT ?? null,
    metricsToken: values.WEIR_METRICS_TOKEN ?? null,
    processes: values.WEIR_PROCESSES,
    supervisor: values.WEIR_SUPERVISOR ?? null,
    logLevel: values.LOG_LEVEL,
    logFormat: values.LOG_FORMAT ?? (Deno.stdout.isTerminal() ? "text" : "json"),
    byNpx: environment["npm_command"] === "exec",
  };
}

/** A second's orders are the burst unless another one is set. */
function rateOf(values: z.infer<typeof VARIABLES>): Config["rate"] {
  const { WEIR_RATE_LIMIT_PER_SECOND: ordersPerSecond, WEIR_RATE_LIMIT_BURST: burst } = values;
  if (ordersPerSecond !== undefined) return { ordersPerSecond, burst: burst ?? ordersPerSecond };
  if (burst === undefined) return null;
  throw new ConfigError("WEIR_RATE_LIMIT_BURST is set, and WEIR_RATE_LIMIT_PER_SECOND is not");
}

/** The wrong value for a message, unless it may hold a password or a key. */
function shown(name: string, environment: Readonly<Record<string, string>>): string {
  const isSecret = /_(KEY|URL|TOKEN)$/.test(name);
  return isSecret ? "" : ` (it is ${JSON.stringify(environment[name])})`;
}
