/**
 * The variables of the environment, each with the values that it may have and its default.
 *
 * docs/operating.md tells operators what each is for. Tested in tests/server/config_test.ts.
 */
import { z } from "zod";
import { understand } from "../../sql/connection/url.ts";
import { WrongConnectionString } from "../../sql/connection/url/grammar.ts";
import { understandRedisUrl } from "../redis_url.ts";
import { isNetwork } from "./networks.ts";

const KIB = 1_024;
const MIB = 1_024 * KIB;

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

/**
 * Origins of pages that may put the dashboard into a frame. They stand in a header, so they have the
 * letters of a host and no other.
 */
function embedOrigins() {
  const wrong = "must be origins separated by commas, such as https://shop.example";
  return listOf((text) => {
    const { origin = "" } = URL.parse(text) ?? {};
    const isWhole = text.toLowerCase().replace(/\/$/, "") === origin;
    return isWhole && /^https?:\/\/[a-z0-9.:[\]-]+$/.test(origin) ? origin : null;
  }, wrong);
}

/** Addresses and networks, such as 10.0.0.0/8. */
function networks() {
  return listOf(
    (text) => isNetwork(text) ? text : null,
    "must be addresses or networks separated by commas, such as 10.0.0.0/8",
  );
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
  WEIR_DIRECT_DATABASE_URL: checked(understand).optional(),
  WEIR_DATABASE_POOLER: z.enum(["none", "session", "transaction"]).optional(),
  WEIR_SCHEMA: z.string().refine(
    (name) => /^[^\p{Cc},]+$/u.test(name) && new TextEncoder().encode(name).length <= 63,
    "must be the name of one schema, such as shop, of at most 63 bytes",
  ).optional(),
  REDIS_URL: checked(understandRedisUrl).optional(),
  WEIR_DATA_DIR: dataFolder().default(".weir"),
  WEIR_MIGRATE: z.enum(["on", "off"]).default("on"),
  WEIR_SPILL: z.enum(["auto", "trust", "off"]).default("auto"),
  WEIR_SPILL_MAX_ORDERS: wholeNumber(1, 1_000_000_000).default(1_000_000),
  WEIR_SPILL_MAX_BYTES: byteSize(1_024 * MIB),
  WEIR_REDIS_PREFIX: z.string().regex(/^[A-Za-z0-9:_-]{1,64}$/).default("weir"),
  WEIR_QUEUE_MAX_ORDERS: wholeNumber(1, 10_000_000).default(10_000),
  WEIR_QUEUE_MAX_BYTES: byteSize(64 * MIB),
  // Measured at 16, 64, 256 and 1,000 callers. With at most 256 orders in a batch the writer took 1.01,
  // 1.00, 0.99 and 0.98 times as many orders a second, and with at most 64 0.99, 1.06, 0.82 and 0.75 times.
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
  WEIR_TOKEN_MAX_SECONDS: wholeNumber(60, 31_536_000).default(3_600),
  WEIR_ALLOWED_ORIGINS: origins().optional(),
  WEIR_EMBED_ORIGINS: embedOrigins().optional(),
  WEIR_ALLOWED_HOSTS: hostNames().optional(),
  WEIR_TRUST_PROXY: networks().optional(),
  WEIR_METRICS_PORT: wholeNumber(0, 65_535).optional(),
  WEIR_METRICS_TOKEN: z.string()
    .regex(/^[\x21-\x7e]{8,}$/, "must have at least 8 characters of ASCII, and no space")
    .optional(),
  WEIR_PROCESSES: wholeNumber(1, 64).default(1),
  WEIR_SUPERVISOR: z.string().regex(/^http:\/\/127\.0\.0\.1:\d+\/[\w-]+\/\d+$/).optional(),
  LOG_LEVEL: z.enum(["debug", "info", "warning", "error"]).default("info"),
  LOG_FORMAT: z.enum(["text", "json"]).optional(),
});
