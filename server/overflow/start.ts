/**
 * The overflow of one instance: a connection to Redis of its own, and the overflow on it.
 *
 * Tested in tests/server/overflow/redis_overflow_test.ts.
 */
import type { Config } from "../config.ts";
import { closeRedis, openRedis } from "../redis/connection.ts";
import type { Hints } from "../telemetry/hints.ts";
import { RedisOverflow } from "./redis_overflow.ts";

export interface RunningOverflow {
  readonly overflow: RedisOverflow;
  stop(): Promise<void>;
}

/** Starts the overflow in the Redis at `redisUrl`; null where it is switched off. */
export function startOverflow(
  config: Config,
  redisUrl: string,
  hints: Hints,
): RunningOverflow | null {
  if (config.overflowMode === "off") return null;
  const redis = openRedis(redisUrl, "overflow");
  const overflow = new RedisOverflow({
    redis,
    prefix: config.redisPrefix,
    mode: config.overflowMode,
    maxOrders: config.overflowMaxOrders,
    maxBytes: config.overflowMaxBytes,
    hints,
  });
  overflow.start();
  return {
    overflow,
    stop: async () => {
      await overflow.stop();
      await closeRedis(redis);
    },
  };
}
