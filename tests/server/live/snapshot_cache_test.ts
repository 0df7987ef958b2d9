/** Snapshots kept in a real Redis, by Redis's own clock. */
import { systemClock } from "../../../actors/clock.ts";
import { Hints } from "../../../server/telemetry/hints.ts";
import { assert, assertEquals } from "@std/assert";
import { createSnapshotCache, type SnapshotCache } from "../../../server/live/snapshot_cache.ts";
import type { Figures } from "../../../sql/figures/snapshots.ts";
import { MINUTE_MS } from "../../../sql/time.ts";
import { figuresAt } from "../../support/recount/figures.ts";
import { type TestRedis, withRedis } from "../../support/services/redis.ts";
import { until } from "../../support/services/services.ts";

interface CacheTest extends TestRedis {
  readonly cache: SnapshotCache;
  readonly key: string;
  /** Redis's clock, Unix milliseconds. */
  now(): Promise<number>;
  /** Writes, and resolves when Redis has done it. */
  write(figures: Figures): Promise<void>;
  /** `<epoch>:<version>@<fold>` of the figures that are served; null: none. */
  served(): Promise<string | null>;
}

/** Begins in the first half of a minute by Redis's clock, so that the test ends within it. */
function withCache(test: (cache: CacheTest) => Promise<void>): Promise<void> {
  return withRedis(async (given) => {
    const { redis, prefix } = given;
    const cache = createSnapshotCache(redis, prefix, new Hints(systemClock.now));
    const now = async () => {
      const [seconds, micros] = await redis.time() as unknown as [string, string];
      return Number(seconds) * 1_000 + Math.floor(Number(micros) / 1_000);
    };
    await until("a minute's first half", async () => await now() % MINUTE_MS < 30_000, 40_000);
    await test({
      ...given,
      cache,
      key: `${prefix}:{snapshot}:*`,
      now,
      write: async (figures) => {
        cache.write(figures);
        await redis.ping(); // Redis answers in order, so the write is done
      },
      served: async () => {
        const kept = await cache.read("*");
        if (kept === null) return null;
        const { epoch, version, fold } = kept.figures;
        return `${epoch}:${version}@${fold}`;
      },
    });
  });
}

Deno.test("read() answers the figures as they were kept, and how long ago the database read them", () =>
  withCache(async ({ cache, write, now }) => {
    assertEquals(await cache.read("*"), null);
    const readAt = await now() - 1_234;
    const figures = figuresAt(readAt, 7, { minute: minuteOf(await now()) });
    await write(figures);
    const kept = await cache.read("*");
    assertEquals(kept?.figures, figures);
    assert(kept !== null && kept.readAgoMs >= 1_234 && kept.readAgoMs < 10_000);
    assertEquals(await cache.read("north"), null);
  }));

Deno.test("write() replaces an entry only by newer figures, in any order of writers", () =>
  withCache(async ({ write, served, now }) => {
    const at = await now();
    const newer: [version: number, fold: number, epoch: number][] = [
      [5, 5, 1],
      [5, 6, 1],
      [6, 6, 1],
      [2, 2, 2],
    ];
    for (const [index, [version, fold, epoch]] of newer.entries()) {
      await write(figuresAt(at, version, { fold, epoch }));
      assertEquals(await served(), `${epoch}:${version}@${fold}`);
      for (const [version, fold, epoch] of newer.slice(0, index)) {
        await write(figuresAt(at, version, { fold, epoch }));
      }
      assertEquals(await served(), `${epoch}:${version}@${fold}`, "the others are older");
    }
  }));

Deno.test("write() keeps nothing after the minute of the figures, even if they were read just before", () =>
  withCache(async ({ redis, key, write, served, now }) => {
    const before = await now();
    const minuteBefore = before - before % MINUTE_MS - 1; // the last millisecond of that minute
    await write(figuresAt(minuteBefore - 50_000, 9)); // read when 50 s of the minute were left
    assertEquals([await served(), await redis.exists(key)], [null, 0]);
    await write(figuresAt(before, 3));
    await write(figuresAt(minuteBefore - 50_000, 9));
    assertEquals(await served(), "1:3@3", "the kept entry is not replaced either");
  }));

Deno.test("an entry ends with its minute, by the clock on which it ends sooner", () =>
  withCache(async ({ redis, key, write, now }) => {
    const at = await now();
    await write(figuresAt(at, 3));
    const left = await redis.pttl(key);
    assert(left > 0 && left <= MINUTE_MS - at % MINUTE_MS, `${left} ms`);
    // Here Redis's clock is behind the database's, and would leave the entry more of the minute.
    const late = Math.floor(at / MINUTE_MS) * MINUTE_MS + MINUTE_MS - 5_000;
    await write(figuresAt(late, 4));
    const shorter = await redis.pttl(key);
    assert(shorter > 0 && shorter <= 5_000, `${shorter} ms`);
  }));

Deno.test("an entry of another minute is not served, even if it has not expired", () =>
  withCache(async ({ redis, key, write, served, now }) => {
    const at = await now();
    await write(figuresAt(at, 3));
    await redis.persist(key);
    assertEquals(await served(), "1:3@3");
    const minute = at - at % MINUTE_MS;
    for (const other of [minute - MINUTE_MS, minute + MINUTE_MS]) {
      await redis.hset(key, "minute", other);
      assertEquals(await served(), null);
    }
    await redis.hset(key, "minute", minute);
    assertEquals(await served(), "1:3@3");
  }));

Deno.test("an entry of another layout is not served, and only newer figures replace it", () =>
  withCache(async ({ redis, key, write, served, now }) => {
    const at = await now();
    const minute = at - at % MINUTE_MS;
    const other = { epoch: 1, version: 5, minute, format: "1", figures: "{}" };
    await redis.hset(key, other);
    assertEquals(await served(), null);
    await write(figuresAt(at, 4));
    assertEquals([await served(), await redis.hget(key, "version")], [null, "5"]);
    await write(figuresAt(at, 6));
    assertEquals(await served(), "1:6@6");
  }));

Deno.test("an entry may be older after Redis has lost everything", () =>
  withCache(async ({ redis, key, write, served, now }) => {
    const at = await now();
    await write(figuresAt(at, 9));
    await redis.unlink(key);
    await write(figuresAt(at, 5));
    assertEquals(await served(), "1:5@5", "the hub protects readers from it");
  }));

function minuteOf(ms: number): string {
  return new Date(ms - ms % MINUTE_MS).toISOString();
}
