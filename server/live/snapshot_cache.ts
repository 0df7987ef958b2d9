/**
 * The snapshot cache: keeps the last snapshot of each scope in Redis, for first frames while the
 * database is away.
 *
 * Only a newer entry replaces an entry, in whatever order instances write. An entry is served only
 * during its minute, because its windows end with that minute. Redis's own clock says when the minute
 * is over, at each write and at each read. An instance that was suspended may write late, and its
 * calendar may be wrong. (Redis and the database must agree on the time, as they must for the time of
 * a spilled order. If they do not, less is kept, or nothing.)
 *
 * Redis may lose everything, and then the next entry may be an old one, written by an instance that
 * was suspended. This file does not protect readers from that. Three other rules do:
 * - While the database answers in time, no kept snapshot is served.
 * - An instance serves no kept snapshot that a known fold has made outdated (`KnownFolds`).
 *   It serves none before it has heard the database or seen the database fail.
 * - A subscriber is sent no snapshot older than its `lastEventId`, even when there is no newer one.
 */
import type { Redis } from "ioredis";
import { z } from "zod";
import type { Figures } from "../../sql/figures/snapshots.ts";
import { MINUTE_MS } from "../../sql/time.ts";
import { askRedis } from "../redis/connection.ts";
import type { Hints } from "../telemetry/hints.ts";

/** Snapshots kept for other instances. Where Redis is away or refuses, both calls do nothing. */
export interface SnapshotCache {
  /** The kept figures of a scope, if their minute is not over; null: none. */
  read(scope: string): Promise<KeptFigures | null>;
  /** Keeps these figures, unless newer ones are kept. */
  write(figures: Figures): void;
}

export interface KeptFigures {
  readonly figures: Figures;
  /** The time since the database read them, by Redis's clock. */
  readonly readAgoMs: number;
}

/** The layout of an entry. An entry of another layout is not read. */
const FORMAT = "3";

const NOW = `
  local time = redis.call('TIME')
  local now = time[1] * 1000 + math.floor(time[2] / 1000)`;

/**
 * KEYS: entry. ARGV: epoch, version, minute (Unix ms), fold, the rest of the minute when the figures
 * were read (ms), format, figures. Equal figures of a later fold replace the kept ones, because
 * they are known to be right up to that later fold.
 */
const WRITE_IF_NEWER = `${NOW}
  local left = math.min(tonumber(ARGV[5]), ARGV[3] + ${MINUTE_MS} - now)
  if left <= 0 then return 0 end
  local kept = redis.call('HMGET', KEYS[1], 'epoch', 'version', 'minute', 'fold')
  for i = 1, 4 do
    local old, new = tonumber(kept[i] or -1), tonumber(ARGV[i])
    if new > old then break end
    if new < old then return 0 end
  end
  redis.call('HSET', KEYS[1], 'epoch', ARGV[1], 'version', ARGV[2], 'minute', ARGV[3],
             'fold', ARGV[4], 'format', ARGV[6], 'figures', ARGV[7])
  redis.call('PEXPIRE', KEYS[1], left)
  return 1`;

/** KEYS: entry. ARGV: format. Returns figures and time (Unix ms), if it is the figures' minute. */
const READ_OF_NOW = `${NOW}
  local kept = redis.call('HMGET', KEYS[1], 'format', 'minute', 'figures')
  if kept[1] ~= ARGV[1] or tonumber(kept[2]) ~= now - now % ${MINUTE_MS} then return false end
  return { kept[3], now }`;

const keptShape = z.tuple([z.string(), z.number()]);

/** The key of a scope's snapshot. The braces keep all of them on one node of a Redis cluster. */
export function snapshotKey(prefix: string, scope: string): string {
  return `${prefix}:{snapshot}:${scope}`;
}

/** Makes a cache in `redis`. */
export function createSnapshotCache(redis: Redis, prefix: string, hints: Hints): SnapshotCache {
  const keyOf = (scope: string) => snapshotKey(prefix, scope);
  return {
    read: (scope) =>
      hints.run("cache read", async () => {
        const kept = keptShape.safeParse(
          await askRedis(redis, () => redis.eval(READ_OF_NOW, 1, keyOf(scope), FORMAT)),
        );
        if (!kept.success) return null;
        const [text, now] = kept.data;
        const figures = JSON.parse(text) as Figures;
        return { figures, readAgoMs: Math.max(0, now - Date.parse(figures.readAt)) };
      }),
    write: (figures) => {
      const { scope, epoch, version, fold, minute, readAt } = figures;
      const minuteMs = Date.parse(minute);
      const leftMs = minuteMs + MINUTE_MS - Date.parse(readAt);
      const values = [epoch, version, minuteMs, fold, leftMs, FORMAT, JSON.stringify(figures)];
      void hints.run(
        "cache write",
        () => askRedis(redis, () => redis.eval(WRITE_IF_NEWER, 1, keyOf(scope), ...values)),
      );
    },
  };
}

/** The cache of an instance without Redis. */
export const NO_CACHE: SnapshotCache = {
  read: () => Promise.resolve(null),
  write: () => undefined,
};
