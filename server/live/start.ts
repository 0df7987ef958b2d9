/**
 * The live hub of one instance, on its database and its Redis.
 *
 * Tested in tests/server/live/live_test.ts.
 */
import type { Redis } from "ioredis";
import { systemClock } from "../../actors/clock.ts";
import type { Database } from "../../sql/connection/database.ts";
import type { NewestPosition } from "../../sql/figures/position.ts";
import { readFigures, readNewest } from "../../sql/figures/snapshots.ts";
import type { Config } from "../config.ts";
import type { Hints } from "../telemetry/hints.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import { type LiveHub, startLiveHub } from "./live_hub.ts";
import { createSnapshotCache, NO_CACHE } from "./snapshot_cache.ts";

export interface HubParts {
  readonly config: Config;
  readonly database: Database;
  /** Null: without Redis. */
  readonly cacheRedis: Redis | null;
  readonly metrics: Metrics;
  readonly hints: Hints;
}

/** Starts the hub. @param oldAfterMs figures are old when no fold has ended for this time */
export function startHub(
  { config, database, cacheRedis, metrics, hints }: HubParts,
  newest: NewestPosition,
  oldAfterMs: number,
): LiveHub {
  return startLiveHub({
    readFigures: (scope) => readFigures(database.live, scope),
    readNewest: () => readNewest(database.read),
    oldAfterMs,
    newest,
    cache: cacheRedis === null
      ? NO_CACHE
      : createSnapshotCache(cacheRedis, config.redisPrefix, hints),
    now: systemClock.now,
    onSkippedFrame: () => metrics.skippedFrames.add(1),
    onFrame: (freshnessMs) => metrics.freshnessSeconds.observe(freshnessMs / 1_000),
  });
}
