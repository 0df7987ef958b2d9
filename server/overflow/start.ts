/**
 * The overflow of one instance: a connection to Redis of its own, and the overflow on it.
 *
 * Tested in tests/server/overflow/redis_overflow_test.ts.
 */
import type { Config } from "../config.ts";
import type { RedisLinks } from "../redis/links.ts";
import { closeRedis, openRedis } from "../redis/connection.ts";
import { RedisOverflow, type RedisOverflowOptions } from "./redis_overflow.ts";
import { earlierKeys } from "./scripts.ts";
import { TwoPlaces } from "./two_places.ts";

export interface RunningOverflow {
  readonly overflow: TwoPlaces;
  stop(): Promise<void>;
}

/** Starts the overflow in the Redis at `redisUrl`; null where it is switched off. */
export function startOverflow(
  config: Config,
  redisUrl: string,
  links: RedisLinks,
): RunningOverflow | null {
  if (config.overflowMode === "off") return null;
  const redis = openRedis(redisUrl, "overflow", links);
  const prefix = config.redisPrefix;
  const options: RedisOverflowOptions = {
    redis,
    prefix,
    mode: config.overflowMode,
    maxOrders: config.overflowMaxOrders,
    maxBytes: config.overflowMaxBytes,
  };
  const overflow = new TwoPlaces(
    new RedisOverflow(options),
    // Nothing is written there, so nothing need be proved.
    new RedisOverflow({ ...options, keys: earlierKeys(prefix), mode: "trust" }),
  );
  overflow.start();
  return {
    overflow,
    stop: async () => {
      await overflow.stop();
      await closeRedis(redis);
    },
  };
}
