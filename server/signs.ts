/**
 * The signs of one instance: where the problems look for each.
 *
 * Tested in tests/server/ops/problems_test.ts.
 */
import { systemClock } from "../actors/clock.ts";
import type { Database } from "../sql/connection/database.ts";
import type { Config } from "./config.ts";
import type { Auditing } from "./figures/auditing.ts";
import type { Bus } from "./figures/bus.ts";
import type { LiveHub } from "./live/live_hub.ts";
import type { Signs } from "./ops/problems/signs.ts";
import type { JournalBacklog } from "./orders/journal_backlog.ts";
import type { ShedOrders } from "./orders/shed_orders.ts";
import type { TwoPlaces } from "./overflow/two_places.ts";
import type { RedisLinks } from "./redis/links.ts";
import { bugsSoFar } from "./telemetry/bugs.ts";
import type { Gauges } from "./telemetry/gauges.ts";
import type { Hints } from "./telemetry/hints.ts";
import type { Streaks } from "./telemetry/streak.ts";

export interface SignSources {
  readonly config: Config;
  /** Null: without Redis. */
  readonly redisUrl: string | null;
  readonly pools: Database;
  readonly streaks: Streaks;
  readonly shed: ShedOrders;
  readonly links: RedisLinks;
  readonly hints: Hints;
  readonly hub: LiveHub;
  readonly bus: Bus;
  readonly auditor: Auditing;
  /** Null: there is none. */
  readonly overflow: TwoPlaces | null;
  readonly backlog: JournalBacklog;
  readonly gauges: Gauges;
}

/** Figures are old when no fold has ended for this time. An idle instance folds at each interval. */
export function oldAfterMs({ aggregatorIntervalMs }: Config): number {
  return 10_000 + 2 * aggregatorIntervalMs;
}

/** Joins the signs. Each is read when a problem looks for it. */
export function signsOf(sources: SignSources): Signs {
  const { config, redisUrl, streaks, shed, links, hints, hub, bus, auditor, overflow, gauges } =
    sources;
  return {
    ...gauges,
    streaks,
    database: () => {
      const { now: _, ...health } = hub.health();
      return { ...health, oldAfterMs: oldAfterMs(config) };
    },
    overflow: () => overflow?.signs ?? null,
    clocks: () => {
      const redisAheadMs = overflow?.signs.clockAheadMs ?? null;
      return {
        database: hub.health().now,
        redis: redisAheadMs === null ? null : systemClock.now() + redisAheadMs,
        instance: Date.now(),
      };
    },
    lostRedis: () => redisUrl === null ? null : links.lost,
    redisPrefix: config.redisPrefix,
    failingSteps: () => hints.failing,
    setAsideOrders: () => overflow?.setAsideOrders ?? 0,
    connectionLimit: () => sources.pools.connectionLimit(),
    heard: bus.heard,
    driftedBuckets: () => auditor.driftedBuckets(),
    shed: () => shed.tooMany,
    refusedOrders: () => shed.circuitOpen,
    backlog: () => sources.backlog.signs,
    bugs: bugsSoFar,
    bounds: {
      queueOrders: config.queueMaxOrders,
      queueBytes: config.queueMaxBytes,
      journalEntries: config.journalMaxEntries,
      overflowOrders: config.overflowMaxOrders,
      overflowBytes: config.overflowMaxBytes,
    },
  };
}
