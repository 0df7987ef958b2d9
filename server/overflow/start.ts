/**
 * The overflow of one instance: a connection to Redis of its own, and the overflow on it.
 *
 * Tested in tests/server/overflow/redis_overflow_test.ts.
 */
import type { Config } from "../config.ts";
import type { RedisLinks } from "../redis/links.ts";
import { closeRedis, openRedis } from "../redis/connection.ts";
import type { Hints } from "../telemetry/hints.ts";
import { understandRedisUrl } from "../redis_url.ts";
import { EarlierPlace } from "./earlier_place.ts";
import { introduce } from "./introduction.ts";
import { RedisOverflow } from "./redis_overflow.ts";
import { overflowKeys } from "./scripts.ts";
import { TwoPlaces } from "./two_places.ts";

export interface RunningOverflow {
  readonly overflow: TwoPlaces;
  stop(): Promise<void>;
}

/** Starts the overflow in the Redis at `redisUrl`; null where it is switched off. */
export function startOverflow(
  config: Config,
  redisUrl: string,
  hints: Hints,
  links: RedisLinks,
): RunningOverflow | null {
  if (config.overflowMode === "off") return null;
  const prefix = config.redisPrefix;
  const { kind } = understandRedisUrl(redisUrl);
  const redis = openRedis(redisUrl, "overflow", { key: overflowKeys(prefix).stream, links });
  const options = {
    redis,
    prefix,
    mode: config.overflowMode,
    maxOrders: config.overflowMaxOrders,
    maxBytes: config.overflowMaxBytes,
    hints,
    hasReplicas: kind === "sentinel",
    onFirstLook: (problem: string | null) => void introduce(redis, kind, problem),
  };
  // The earlier keys lie on another node of a cluster, and no earlier version spoke to clusters.
  const earlier = new EarlierPlace(redis, prefix, kind !== "cluster");
  const overflow = new TwoPlaces(new RedisOverflow(options), earlier);
  overflow.start();
  return {
    overflow,
    stop: async () => {
      await overflow.stop();
      await closeRedis(redis);
    },
  };
}
