/**
 * Connections to Redis: tried again for ever, never waited for.
 *
 * Nothing that an order needs may wait for Redis, so a command fails at once while it is away
 * instead of queueing up in memory. A command that was sent is kept until it is answered, failed by
 * then or not; so a connection on which nothing comes any more is given up, and all of it with it.
 */
import { Redis } from "ioredis";
import { describe, getLogger } from "../telemetry/log.ts";

const log = getLogger(["weir", "redis"]);

/** A command that Redis has not answered by then has failed. */
const COMMAND_TIMEOUT_MS = 1_000;
/**
 * A connection that owes an answer and has brought nothing for so long is replaced. One that owes
 * none, as a subscriber between two messages, may be silent for ever.
 */
const SILENCE_MS = 2_000;

/** Opens a connection; `name` is what Redis lists it as. It connects by itself, again and again. */
export function openRedis(url: string, name: string): Redis {
  const redis = new Redis(url, {
    connectionName: `weir-${name}`,
    commandTimeout: COMMAND_TIMEOUT_MS,
    socketTimeout: SILENCE_MS,
    connectTimeout: 2_000,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    retryStrategy: (attempt) => Math.min(1_000, 50 * attempt),
  });
  let away = false;
  redis.on("error", (error) => {
    if (!away) log.warn(`Redis is away: ${describe(error)}`, { connection: name });
    away = true;
  });
  redis.on("ready", () => {
    if (away) log.info("Redis is back", { connection: name });
    away = false;
  });
  return redis;
}

/** Ends a connection; resolves when nothing of it is left, timers included. Legal in any state. */
export async function closeRedis(redis: Redis): Promise<void> {
  if (redis.status === "end") return;
  const { promise, resolve } = Promise.withResolvers<void>();
  redis.once("end", resolve);
  // What fails from here on fails because of this, and is no news of Redis.
  redis.removeAllListeners("error").on("error", () => undefined);
  if (redis.status === "reconnecting") {
    // Between two attempts there is no socket whose end could be waited for: the next one is the last.
    redis.options.retryStrategy = () => null;
    redis.once("connect", () => redis.disconnect());
  } else {
    redis.disconnect();
  }
  await promise;
}
