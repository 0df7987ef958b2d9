/** The signs of an instance without any problem. A test changes what it needs. */
import type { Signs } from "../../../server/ops/problems/signs.ts";
import { createStreaks } from "../../../server/telemetry/streak.ts";

/** The monotonic time of the signs, milliseconds. */
export const NOW = 1_000_000;

/** Makes them anew, so that one test's streaks are not another's. */
export function quietSigns(now: () => number = () => NOW): Signs {
  return {
    streaks: createStreaks(now),
    writer: () => ({
      circuit: "closed",
      intake: "accepting",
      queuedOrders: 0,
      queuedBytes: 0,
      inFlightBatches: 0,
      commitMsP50: null,
      commitMsP99: null,
      lastError: null,
      lastErrorAt: null,
    }),
    aggregator: () => ({
      state: "idle",
      lastRunMs: 1,
      lastRunAt: "2026-11-22T10:00:00.000Z",
      lagMs: 0,
      overlaps: 0,
      intervalMs: 1_000,
      failuresInARow: 0,
      lastError: null,
      lastErrorAt: null,
    }),
    auditor: () => ({ lastRunAt: null, checked: 0, drifted: 0 }),
    bus: () => "redis",
    spill: () => ({ state: "ready", orders: 0, oldestAgeMs: null }),
    deadLetters: () => 0,
    subscribers: () => 0,
    database: () => ({
      isSilent: false,
      reason: "",
      answeredAt: NOW,
      backAt: null,
      figuresAgeMs: 500,
      oldAfterMs: 12_000,
    }),
    overflow: () => ({ reason: "", bytes: 0, fullAt: null }),
    clocks: () => ({ database: NOW, redis: NOW - 400, instance: NOW + 20 }),
    lostRedis: () => [],
    redisPrefix: "weir",
    failingSteps: () => [],
    setAsideOrders: () => 0,
    connectionLimit: () => null,
    heard: () => new Set(["redis", "postgres"] as const),
    driftedBuckets: () => [],
    shed: () => ({ orders: 0, lastAt: null }),
    refusedOrders: () => 0,
    backlog: () => ({ entries: 0, largestStore: null, refusedOrders: 0 }),
    bugs: () => ({ count: 0, latest: "" }),
    bounds: {
      queueOrders: 10_000,
      queueBytes: 64 << 20,
      journalEntries: 100_000,
      overflowOrders: 1_000_000,
      overflowBytes: 1 << 30,
    },
  };
}
