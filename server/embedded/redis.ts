/**
 * Redis beside the embedded PostgreSQL, with its data in `<data folder>/redis`. It makes the overflow
 * durable on a bare machine: Redis syncs every write to its append-only file before it answers, and
 * evicts nothing.
 *
 * It listens on 127.0.0.1 alone, on a free port, with a random password. Password and settings are
 * in a 0600 file, because every user can read a command line.
 */
import { Redis } from "ioredis";
import { answerWithin, pause } from "../../sql/waiting.ts";
import { closeRedis } from "../redis/connection.ts";
import { type DataFolder, readIfThere } from "./data_folder.ts";
import { EmbeddedError, type OnEmbeddedEvent } from "./embedded_event.ts";
import type { EmbeddedServer } from "./embedded_server.ts";
import { findRedis, invocation } from "./redis_package.ts";
import { supervise } from "./supervisor.ts";
import { command } from "./unprivileged.ts";

export interface EmbeddedRedisOptions {
  /** The locked folder, see `openDataFolder`. */
  readonly folder: DataFolder;
  readonly onEvent?: OnEmbeddedEvent;
  /** Start the server again when it ends by itself; default true. */
  readonly restart?: boolean;
}

/** Its URL is `redis://:<password>@127.0.0.1:<port>/0`. */
export type EmbeddedRedis = EmbeddedServer;

const PASSWORD_FILE = "redis.password";
const CONFIG_FILE = "redis.conf";
const ANSWER_TIMEOUT_MS = 2_000;
const ORPHAN_STOP_MS = 30_000;
const SILENT_ATTEMPTS = 2;
const POLL_MS = 25;

/**
 * Starts Redis and resolves when it answers.
 * @returns null when this machine has no Redis; an event says how to get one
 * @throws EmbeddedError when there is a Redis and it does not start
 */
export async function startEmbeddedRedis(
  options: EmbeddedRedisOptions,
): Promise<EmbeddedRedis | null> {
  const { folder, onEvent = () => undefined, restart = true } = options;
  const program = await findRedis(folder, onEvent);
  if ("unavailable" in program) {
    const message = `no Redis: ${program.unavailable}; ` +
      "install redis-server (apt-get install redis-server) or set REDIS_URL";
    onEvent({ service: "redis", kind: "unavailable", message });
    return null;
  }
  const password = await folder.secret(PASSWORD_FILE);
  const dataPath = folder.at("redis");
  const configPath = folder.at(CONFIG_FILE);
  await Deno.mkdir(dataPath, { recursive: true, mode: 0o700 });
  const urlOf = (port: number) => `redis://:${password}@127.0.0.1:${port}/0`;
  return await supervise({
    service: "redis",
    title: "Redis",
    dataPath,
    urlOf,
    logPath: folder.at("redis.log"),
    prepare: () => clearOrphan({ configPath, dataPath, urlOf, onEvent }),
    command: (port, spawn) => {
      Deno.writeTextFileSync(configPath, settings(port, dataPath, password), { mode: 0o600 });
      const [first = "", ...rest] = invocation(program, literal(configPath));
      return command(first, rest, spawn);
    },
    answers: (port) =>
      ask(urlOf(port), async (redis) => await redis.ping() === "PONG").catch(() => false),
    stopSignal: "SIGTERM",
  }, { restart, onEvent });
}

function settings(port: number, dataPath: string, password: string): string {
  return [
    "bind 127.0.0.1",
    `port ${port}`,
    `requirepass ${password}`,
    `dir ${quoted(dataPath)}`,
    "daemonize no",
    `logfile ""`,
    "appendonly yes",
    "appendfsync always",
    "no-appendfsync-on-rewrite no",
    `save ""`,
    "maxmemory-policy noeviction",
    "",
  ].join("\n");
}

/** A path for the command line. Redis takes one with a star for a pattern, and may find no file. */
function literal(path: string): string {
  return /[*?[]/.test(path) ? path.replaceAll(/[*?[\\]/g, "\\$&") : path;
}

/** A text as the configuration file needs it. */
function quoted(text: string): string {
  return `"${text.replaceAll(/["\\]/g, "\\$&")}"`;
}

/** How to recognise the Redis that a killed Weir left running on this folder. */
interface Predecessor {
  /** The settings of the last start. They name its port. */
  readonly configPath: string;
  readonly dataPath: string;
  urlOf(port: number): string;
  readonly onEvent: OnEmbeddedEvent;
}

/**
 * Stops the predecessor. The port may belong to another program today, so a server is stopped only
 * when it takes our password and names our folder.
 *
 * A server that takes the connection and is silent may be ours and hang. Then Redis does not start,
 * because two servers would ruin one append-only file.
 */
async function clearOrphan({ configPath, dataPath, urlOf, onEvent }: Predecessor): Promise<void> {
  const config = await readIfThere(configPath);
  const port = config?.match(/^port (\d+)$/m)?.[1];
  if (port === undefined) return;
  const url = urlOf(Number(port));
  if (!await serves(url, dataPath, configPath)) return;
  await ask(url, (redis) => redis.shutdown()).catch(() => undefined); // Redis closes the connection instead of an answer
  const deadline = performance.now() + ORPHAN_STOP_MS;
  while (await listens(Number(port))) {
    if (performance.now() > deadline) {
      throw new EmbeddedError(`Redis of an earlier run (port ${port}) does not stop`);
    }
    await pause(POLL_MS);
  }
  const message = `stopped Redis of an earlier run that was killed (port ${port})`;
  onEvent({ service: "redis", kind: "orphan_stopped", message });
}

/** True when the server is ours. @throws EmbeddedError when it takes the connection and is silent */
async function serves(url: string, dataPath: string, configPath: string): Promise<boolean> {
  for (let attempt = 1;; attempt++) {
    try {
      const reply = await ask(url, (redis) => redis.config("GET", "dir"));
      const [, dir] = Array.isArray(reply) ? reply : [];
      return dir === await Deno.realPath(dataPath); // Redis tells the real path
    } catch (error) {
      if (!(error instanceof NoAnswer)) return false; // nobody listens, or our password is wrong
      if (attempt < SILENT_ATTEMPTS) continue;
    }
    throw new EmbeddedError(
      `port ${new URL(url).port}, which Redis of an earlier run had, takes connections and does ` +
        `not answer: end that process, or remove ${configPath} if it is another program's`,
    );
  }
}

/** True while the server runs: Redis closes its port last, after it has written its file. */
async function listens(port: number): Promise<boolean> {
  try {
    (await Deno.connect({ hostname: "127.0.0.1", port })).close();
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.ConnectionRefused) return false;
    throw error;
  }
}

/** The server took the connection and did not answer the question in time. */
class NoAnswer extends Error {
  constructor() {
    super(`Redis did not answer within ${ANSWER_TIMEOUT_MS} ms`);
    this.name = "NoAnswer";
  }
}

/** One question on a connection of its own. @throws NoAnswer or the error of ioredis */
async function ask<T>(url: string, question: (redis: Redis) => Promise<T>): Promise<T> {
  const redis = new Redis(url, {
    lazyConnect: true,
    enableReadyCheck: false,
    maxRetriesPerRequest: 0,
    retryStrategy: () => null,
  });
  redis.on("error", () => undefined); // the call fails with the same error
  try {
    const answer = redis.connect().then(() => question(redis));
    return await answerWithin(ANSWER_TIMEOUT_MS, answer, () => new NoAnswer());
  } finally {
    await closeRedis(redis);
  }
}
