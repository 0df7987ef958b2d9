/**
 * Connections to Redis. A lost connection is tried again for ever, and no caller waits for it.
 *
 * Orders must not wait for Redis, so a command fails at once while Redis is away. It does not queue
 * up in memory. The driver keeps each command that it sent until the answer comes, even when the
 * command has timed out. So a connection that has become silent is given up, with all its commands.
 *
 * One address may lead to another Redis after a failover, while an open connection still leads to
 * the old one. That one answers that it takes no writes, so such an answer makes the connection
 * anew. The command itself is not sent again: its caller decides that.
 *
 * Tested in tests/server/overflow/redis_overflow_test.ts and tests/server/figures/bus_test.ts.
 */
import { Redis } from "ioredis";
import { getLogger } from "../telemetry/log.ts";
import { understandRedisUrl } from "../redis_url.ts";
import type { RedisLinks } from "./links.ts";
import { optionsOf } from "./target_options.ts";

const log = getLogger(["weir", "redis"]);

/** A command fails when Redis has not answered it after this time. */
const COMMAND_TIMEOUT_MS = 1_000;
/**
 * A connection is replaced when it owes an answer and is silent for this time. A connection that
 * owes no answer may be silent for ever, such as a subscriber between two messages.
 */
const SILENCE_MS = 2_000;

/**
 * Answers of a Redis that stores nothing now, and that a new connection may not meet: a replica, a
 * replica that has lost its primary or loads the primary's data, a primary that has lost its
 * replicas, a wait that a demotion has ended, a session that is not logged in any more. A script may
 * put words before its answer.
 */
const ASK_ANEW =
  /\b(READONLY|MASTERDOWN|LOADING|NOREPLICAS|UNBLOCKED|NOAUTH)\b|\bnot (the |a )?(primary|master)\b/i;
/** Answers of a node of a cluster that has our keys no more. The next connection asks who has them. */
const MOVED = /\b(MOVED|CLUSTERDOWN)\b/;
/** A connection is made anew at most this often because of an answer. */
const ANEW_EVERY_MS = 1_000;
const SAID_EVERY_MS = 60_000;

/**
 * Opens a connection, which connects again by itself. Redis lists it under `name`.
 * @param key a key that the connection is for. In a cluster all its keys must share a hash tag.
 * @param links are told when the connection is lost and when it is back.
 */
export function openRedis(
  url: string,
  name: string,
  { key = name, links }: { readonly key?: string; readonly links?: RedisLinks | undefined } = {},
): Redis {
  let [anewAt, saidAt] = [-Infinity, -Infinity];
  const target = understandRedisUrl(url);
  const redis = new Redis({
    ...optionsOf(target, key),
    connectionName: `weir-${name}`,
    commandTimeout: COMMAND_TIMEOUT_MS,
    socketTimeout: SILENCE_MS,
    connectTimeout: 2_000,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    retryStrategy: (attempt) => Math.min(1_000, 50 * attempt),
    // The driver would subscribe by itself, and nobody could catch a refusal.
    autoResubscribe: false,
    reconnectOnError: ({ message }) => {
      const isElsewhere = ASK_ANEW.test(message) ||
        (target.kind === "cluster" && MOVED.test(message));
      if (!isElsewhere || performance.now() - anewAt < ANEW_EVERY_MS) return false;
      anewAt = performance.now();
      if (anewAt - saidAt > SAID_EVERY_MS) {
        saidAt = anewAt;
        log.info(`connecting to Redis anew: ${message}`, { connection: name });
      }
      return true;
    },
  });
  redis.on("error", () => undefined); // without a listener the library prints each error
  links?.add(name, redis);
  return redis;
}

/** True for an error that Redis answered. Any other error means that Redis is away. */
export function isAnswer(error: unknown): error is Error {
  return error instanceof Error && error.name === "ReplyError";
}

const STORED_NOTHING = /\b(READONLY|MASTERDOWN|LOADING|NOAUTH|MOVED|ASK|TRYAGAIN|CLUSTERDOWN)\b/;

/**
 * True for an answer that is given to a whole command or script before it writes anything. A script
 * of the overflow begins with a write, so none of it has run either.
 */
export function storedNothing(error: unknown): boolean {
  return isAnswer(error) && STORED_NOTHING.test(error.message);
}

/** No answer came from Redis. The connection says so in the log. */
class RedisAway extends Error {
  readonly code = "WEIR_REDIS_AWAY";
  constructor(cause?: unknown) {
    super("Redis is away", { cause });
    this.name = "RedisAway";
  }
}

/** Asks Redis, at once. @throws the error that Redis answered, else RedisAway */
export async function askRedis<T>(redis: Redis, ask: (redis: Redis) => Promise<T>): Promise<T> {
  if (redis.status !== "ready") throw new RedisAway();
  try {
    return await ask(redis);
  } catch (error) {
    throw isAnswer(error) ? error : new RedisAway(error);
  }
}

/** True when Redis answered that it is a primary. @throws what the driver throws */
export async function isPrimary(redis: Redis): Promise<boolean> {
  return /^role:master\r?$/m.test(await redis.info("replication"));
}

/** Ends a connection in any state. Resolves when nothing of it is left, not even a timer. */
export async function closeRedis(redis: Redis): Promise<void> {
  if (redis.status === "end") return;
  const { promise, resolve } = Promise.withResolvers<void>();
  redis.once("end", resolve);
  // Errors from here on come from this end, and say nothing about Redis.
  redis.removeAllListeners("error").on("error", () => undefined);
  if (redis.status === "reconnecting") {
    // Between two attempts there is no socket, so no end to wait for. The next attempt is the last.
    // Sentinels and clusters are asked for ever while none answers, so that one is ended as it begins.
    const { sentinels, Connector } = redis.options;
    redis.options.retryStrategy = () => null;
    redis.once(sentinels || Connector ? "connecting" : "connect", () => redis.disconnect());
  } else {
    redis.disconnect();
  }
  await promise;
}
