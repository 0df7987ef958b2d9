/**
 * Connections to Redis. A lost connection is tried again for ever, and no caller waits for it.
 *
 * Orders must not wait for Redis, so a command fails at once while Redis is away. It does not queue
 * up in memory. The driver keeps each command that it sent until the answer comes, even when the
 * command has timed out. So a connection that has become silent is given up, with all its commands.
 *
 * Tested in tests/server/overflow/redis_overflow_test.ts and tests/server/figures/bus_test.ts.
 */
import { Redis } from "ioredis";
import type { RedisLinks } from "./links.ts";

/** A command fails when Redis has not answered it after this time. */
const COMMAND_TIMEOUT_MS = 1_000;
/**
 * A connection is replaced when it owes an answer and is silent for this time. A connection that
 * owes no answer may be silent for ever, such as a subscriber between two messages.
 */
const SILENCE_MS = 2_000;

/**
 * Opens a connection, which connects again by itself. Redis lists it under `name`.
 * @param links are told when the connection is lost and when it is back.
 */
export function openRedis(url: string, name: string, links?: RedisLinks): Redis {
  const redis = new Redis(url, {
    connectionName: `weir-${name}`,
    commandTimeout: COMMAND_TIMEOUT_MS,
    socketTimeout: SILENCE_MS,
    connectTimeout: 2_000,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    retryStrategy: (attempt) => Math.min(1_000, 50 * attempt),
  });
  redis.on("error", () => undefined); // without a listener the library prints each error
  links?.add(name, redis);
  return redis;
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
    redis.options.retryStrategy = () => null;
    redis.once("connect", () => redis.disconnect());
  } else {
    redis.disconnect();
  }
  await promise;
}
