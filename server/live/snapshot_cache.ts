/**
 * The snapshots kept in Redis: the last one of each scope, for first frames while the database is
 * away. An entry can only be replaced by a newer one, whoever writes last, and it is gone when its
 * minute is over by the database's clock, since its windows end with that minute.
 */
import type { Redis } from "ioredis";
import { z } from "zod";
import type { Figures } from "../../sql/snapshots.ts";
import { MINUTE_MS } from "../../sql/time.ts";
import type { SnapshotCache } from "./live_hub.ts";

/** The layout of an entry; an entry of another one is left alone. */
const FORMAT = 1;

/** KEYS[1] entry; ARGV: epoch, version, minute (Unix ms), lifetime (ms), format, figures. */
const WRITE_IF_NEWER = `
  local kept = redis.call('HMGET', KEYS[1], 'epoch', 'version', 'minute')
  if kept[1] then
    for i = 1, 3 do
      local old, new = tonumber(kept[i]), tonumber(ARGV[i])
      if new > old then break end
      if new < old then return 0 end
    end
  end
  redis.call('HSET', KEYS[1], 'epoch', ARGV[1], 'version', ARGV[2], 'minute', ARGV[3],
             'format', ARGV[5], 'figures', ARGV[6])
  redis.call('PEXPIRE', KEYS[1], ARGV[4])
  return 1`;

const entryShape = z.object({
  format: z.literal(String(FORMAT)),
  figures: z.string().transform((text) => JSON.parse(text) as Figures),
});

/** A cache in `redis`; it does nothing while Redis is away. */
export function createSnapshotCache(redis: Redis, prefix: string): SnapshotCache {
  const keyOf = (scope: string) => `${prefix}:snapshot:${scope}`;
  return {
    read: async (scope) => {
      try {
        const entry = entryShape.safeParse(await redis.hgetall(keyOf(scope)));
        return entry.success ? entry.data.figures : null;
      } catch {
        return null; // Redis is away; a snapshot from there is a help, never a need
      }
    },
    write: (figures) => {
      const { scope, epoch, version, minute, readAt } = figures;
      const minuteMs = Date.parse(minute);
      const lifetimeMs = Math.max(1, minuteMs + MINUTE_MS - Date.parse(readAt));
      redis.eval(
        WRITE_IF_NEWER,
        1,
        keyOf(scope),
        epoch,
        version,
        minuteMs,
        lifetimeMs,
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
