/**
 * The snapshots kept in Redis: the last one of each scope, for first frames while the database is
 * away.
 *
 * An entry can only be replaced by a newer one, whoever writes last. It is served during its minute
 * alone, since its windows end with that minute. Redis's own clock says when that is over, at the
 * writing and again at the reading: an instance that was stopped in between writes late, and its
 * calendar may be wrong. (That Redis and the database agree on the time is relied upon here as for
 * the time of a spilled order; where they do not, less is kept, or nothing.)
 *
 * Redis may lose everything, and "only by a newer one" with it: whoever writes first after that has
 * the say, be it an instance that was stopped with old figures in its hands. What keeps those from
 * being shown is not here. The database is asked first, and while it answers in time nothing kept is
 * served at all; an instance serves nothing below the newest that it knows (`KnownFolds`), nor
 * anything kept before it has heard the database or seen it fail; and a subscriber is sent nothing
 * below its `lastEventId`, even where it is then sent nothing.
 */
import type { Redis } from "ioredis";
import { z } from "zod";
import type { Figures } from "../../sql/figures/snapshots.ts";
import { MINUTE_MS } from "../../sql/time.ts";

/** Snapshots kept where other instances find them; both calls may do nothing. */
export interface SnapshotCache {
  /** What is kept of a scope, if its minute is not over. */
  read(scope: string): Promise<KeptFigures | null>;
  write(figures: Figures): void;
}

export interface KeptFigures {
  readonly figures: Figures;
  /** How long ago the database answered them, as far as whoever kept them can tell. */
  readonly readAgoMs: number;
}

/** The layout of an entry; an entry of another one is left alone. */
const FORMAT = "2";

const NOW = `
  local time = redis.call('TIME')
  local now = time[1] * 1000 + math.floor(time[2] / 1000)`;

/**
 * KEYS: entry. ARGV: epoch, version, minute (Unix ms), fold, what was left of the minute when they
 * were read (ms), format, figures. Of equal figures those of the later fold are of more use.
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

/** KEYS: entry. ARGV: format. Returns the figures and the time (Unix ms), if it is their minute. */
const READ_OF_NOW = `${NOW}
  local kept = redis.call('HMGET', KEYS[1], 'format', 'minute', 'figures')
  if kept[1] ~= ARGV[1] or tonumber(kept[2]) ~= now - now % ${MINUTE_MS} then return false end
  return { kept[3], now }`;

const keptShape = z.tuple([
  z.string().transform((text) => JSON.parse(text) as Figures),
  z.number(),
]);

/** A cache in `redis`; it does nothing while Redis is away. */
export function createSnapshotCache(redis: Redis, prefix: string): SnapshotCache {
  const keyOf = (scope: string) => `${prefix}:snapshot:${scope}`;
  return {
    read: async (scope) => {
      try {
        const kept = keptShape.safeParse(await redis.eval(READ_OF_NOW, 1, keyOf(scope), FORMAT));
        if (!kept.success) return null;
        const [figures, now] = kept.data;
        return { figures, readAgoMs: Math.max(0, now - Date.parse(figures.readAt)) };
      } catch {
        return null; // Redis is away; a snapshot from there is a help, never a need
      }
    },
    write: (figures) => {
      const { scope, epoch, version, fold, minute, readAt } = figures;
      const minuteMs = Date.parse(minute);
      const leftMs = minuteMs + MINUTE_MS - Date.parse(readAt);
      redis.eval(
        WRITE_IF_NEWER,
        1,
        keyOf(scope),
        epoch,
        version,
        minuteMs,
        fold,
        leftMs,
        FORMAT,
        JSON.stringify(figures),
      ).catch(() => undefined);
    },
  };
}

/** For an instance without Redis. */
export const NO_CACHE: SnapshotCache = {
  read: () => Promise.resolve(null),
  write: () => undefined,
};
