/**
 * Gives each test a key prefix of its own, on the private Redis of the run, and asks any Redis on a
 * connection of its own.
 */
import { Redis } from "ioredis";
import { closeRedis } from "../../../server/redis/connection.ts";
import type { RedisOptions } from "../../../server/redis/node_connector.ts";
import { testServices } from "./services.ts";

export interface TestRedis {
  /** For the code under test. */
  readonly url: string;
  /** Keys and channels of this test begin with it; no colon at the end. */
  readonly prefix: string;
  /** For the test's own questions. */
  readonly redis: Redis;
}

/** Runs `test` with a prefix that no other test uses, and removes all keys under it afterwards. */
export async function withRedis<T>(test: (redis: TestRedis) => Promise<T>): Promise<T> {
  const url = testServices().redisUrl;
  const prefix = `weir-test-${crypto.randomUUID()}`;
  const redis = new Redis(url, { lazyConnect: true });
  await redis.connect();
  try {
    return await test({ url, prefix, redis });
  } finally {
    await removeKeys(redis, prefix);
    await closeRedis(redis);
  }
}

/** Removes every key that begins with `prefix`. */
async function removeKeys(redis: Redis, prefix: string): Promise<void> {
  let cursor = "0";
  do {
    const [next, keys] = await redis.scan(cursor, "MATCH", `${prefix}*`, "COUNT", 500);
    if (keys.length > 0) await redis.unlink(...keys);
    cursor = next;
  } while (cursor !== "0");
}

/** Asks a Redis, on a connection of its own that is made once. @throws the error of the driver */
export async function askRedisAt<T>(
  way: string | RedisOptions,
  question: (redis: Redis) => Promise<T>,
): Promise<T> {
  const once = { lazyConnect: true, maxRetriesPerRequest: 0, retryStrategy: () => null };
  const redis = typeof way === "string" ? new Redis(way, once) : new Redis({ ...way, ...once });
  redis.on("error", () => undefined); // the question itself fails with this error
  try {
    await redis.connect();
    return await question(redis);
  } finally {
    await closeRedis(redis);
  }
}
