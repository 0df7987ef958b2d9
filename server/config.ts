/**
 * The configuration: the only file that reads the environment.
 *
 * docs/operating.md lists each variable with its default. A wrong value stops the start with one line
 * that names the variable. Nothing is guessed.
 *
 * Tested in tests/server/config_test.ts and service_start_test.ts.
 */
import { z } from "zod";
import { WrongConnectionString } from "../sql/connection/url/grammar.ts";
import type { DroppedParameter } from "../sql/connection/url/parameters.ts";
import { understand } from "../sql/connection/url.ts";
import { checkRedisUrl } from "./redis_url.ts";

const KIB = 1_024;
const MIB = 1_024 * KIB;

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

function wholeNumber(min: number, max: number) {
  const wrong = `must be a whole number from ${min} to ${max}`;
  return z.string().regex(/^\d+$/, wrong).transform(Number)
    .pipe(z.number().min(min, wrong).max(max, wrong));
}

/** Bytes, as a number or with the unit KiB, MiB or GiB. */
function byteSize(fallback: number) {
  const units = { "": 1, KiB: KIB, MiB: MIB, GiB: KIB * MIB };
  return z.string().regex(/^\d+ ?(KiB|MiB|GiB)?$/, "must be bytes, such as 67108864 or 64MiB")
    .transform((text) => {
      const [, digits, unit] = /^(\d+) ?(KiB|MiB|GiB)?$/.exec(text) ?? [];
      return Number(digits) * units[(unit ?? "") as keyof typeof units];
    }).pipe(z.number().min(KIB)).default(fallback);
}

/** Makes a check of a text from a function that throws one line about a wrong one. */
function checked(check: (text: string) => void) {
  return z.string().superRefine((text, context) => {
    try {
      check(text);
    } catch (error) {
      if (!(error instanceof WrongConnectionString)) throw error;
      context.addIssue({ code: "custom", message: error.message });
    }
  });
}

/**
 * A folder for the embedded services. Deno takes a path with a comma for several paths, and would
 * permit each of them. Nobody replaces a tilde here as a shell does.
 */
function dataFolder() {
  return z.string()
    .refine(
      (path) => !path.includes(","),
      "must not have a comma, which Deno takes for two folders",
    )
    .refine((path) => !/\p{Cc}/u.test(path), "must not have a control character")
    .refine(
      (path) => path.trim() === path && !path.includes("  "),
      "must not begin or end with a space or have two in a row: Deno's shell takes them away",
    )
    .refine((path) => !path.startsWith("~"), "must be a path without ~, such as $HOME/weir");
}

/** Names as a browser sends them in `Host`, without a port, separated by commas. */
function hostNames() {
  const wrong = "must be names without scheme and port, separated by commas, such as shop.example";
  return listOf((name) => {
    const url = `http://${name}/`;
    return /^[^/?#@:\\\s]+$/.test(name) && URL.canParse(url) ? new URL(url).hostname : null;
  }, wrong);
}

/**
 * Origins as a browser sends them. `null` is what a browser says of a page that has none, such as a
 * file.
 */
function origins() {
  const wrong = "must be origins separated by commas, such as https://shop.example, or *";
  return listOf((text) => {
    if (text === "*" || text === "null") return text;
    if (!/^[a-z][a-z0-9+.-]*:\/\/[^/?#@\\\s]*$/i.test(text) || !URL.canParse(text)) return null;
    const { origin } = new URL(text);
    return origin === "null" ? text.toLowerCase() : origin;
  }, wrong);
}

/** A list separated by commas. @param read makes an entry of its text; null: the text is wrong. */
function listOf(read: (text: string) => string | null, wrong: string) {
  return z.string().transform((text, context) => {
    const entries = text.split(",").map((entry) => read(entry.trim()));
    if (entries.some((entry) => entry === null)) {
      context.addIssue({ code: "custom", message: wrong });
    }
    return entries.filter((entry) => entry !== null);
  });
}

/** The value of WEIR_DEV_KEY that asks for a key of each run. */
export const RANDOM_KEY = "random";

/** Every variable that the service reads, with its default. */
export const VARIABLES = z.object({
  PORT: wholeNumber(0, 65_535).default(8_080),
  HOST: z.string().min(1).default("127.0.0.1"),
  DATABASE_URL: checked(understand).optional(),
  REDIS_URL: checked(checkRedisUrl).optional(),
  WEIR_DATA_DIR: dataFolder().default(".weir"),
  WEIR_MIGRATE: z.enum(["on", "off"]).default("on"),
  WEIR_SPILL: z.enum(["auto", "trust", "off"]).default("auto"),
  WEIR_SPILL_MAX_ORDERS: wholeNumber(1, 1_000_000_000).default(1_000_000),
  WEIR_SPILL_MAX_BYTES: byteSize(1_024 * MIB),
  WEIR_REDIS_PREFIX: z.string().regex(/^[A-Za-z0-9:_-]{1,64}$/).default("weir"),
  WEIR_QUEUE_MAX_ORDERS: wholeNumber(1, 10_000_000).default(10_000),
  WEIR_QUEUE_MAX_BYTES: byteSize(64 * MIB),
  WEIR_BATCH_MAX_ORDERS: wholeNumber(1, 10_000).default(1_000),
  WEIR_JOURNAL_MAX_ENTRIES: wholeNumber(1_000, 1_000_000_000).default(100_000),
  WEIR_RATE_LIMIT_PER_SECOND: wholeNumber(1, 1_000_000).optional(),
  WEIR_RATE_LIMIT_BURST: wholeNumber(1, 10_000_000).optional(),
  WEIR_STATEMENT_TIMEOUT_MS: wholeNumber(100, 600_000).default(5_000),
  WEIR_AGGREGATOR_INTERVAL_MS: wholeNumber(10, 3_600_000).default(1_000),
  WEIR_AGGREGATOR_MIN_GAP_MS: wholeNumber(0, 60_000).default(50),
  WEIR_MAX_CONNECTIONS: wholeNumber(16, 1_000_000).optional(),
  WEIR_MAX_CONNECTIONS_PER_ADDRESS: wholeNumber(1, 1_000_000).optional(),
  WEIR_SHUTDOWN_MS: wholeNumber(0, 600_000).default(10_000),
  WEIR_DEV_KEY: z.string().refine(
    (key) => key === RANDOM_KEY || key.length >= 8,
    `must have at least 8 characters, or be \`${RANDOM_KEY}\``,
  ).optional(),
  WEIR_ALLOWED_ORIGINS: origins().optional(),
  WEIR_ALLOWED_HOSTS: hostNames().optional(),
  WEIR_METRICS_PORT: wholeNumber(0, 65_535).optional(),
  WEIR_METRICS_TOKEN: z.string()
    .regex(/^[\x21-\x7e]{8,}$/, "must have at least 8 characters of ASCII, and no space")
    .optional(),
  WEIR_PROCESSES: wholeNumber(1, 64).default(1),
  WEIR_SUPERVISOR: z.string().regex(/^http:\/\/127\.0\.0\.1:\d+\/[\w-]+\/\d+$/).optional(),
  LOG_LEVEL: z.enum(["debug", "info", "warning", "error"]).default("info"),
  LOG_FORMAT: z.enum(["text", "json"]).optional(),
});

export interface Config {
  readonly port: number;
  readonly host: string;
  /** Null: embedded PostgreSQL. */
  readonly databaseUrl: string | null;
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

/**
 * Takes a variable away that postgres.js 3.4 obeys whatever it is told: with it, connections to a
 * primary would be given up for ever. Called once, at the start of a process.
 */
export function forgetDriverVariables(): void {
  Deno.env.delete("PGTARGETSESSIONATTRS");
}

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
  return {
    port: values.PORT,
    host: values.HOST,
    databaseUrl: database?.url ?? null,
    droppedParameters: database?.dropped ?? [],
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
