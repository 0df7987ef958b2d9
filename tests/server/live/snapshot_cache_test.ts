/** Snapshots kept in a real Redis, by its own clock. */
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
  /** Writes, and resolves when that is done. */
  write(figures: Figures): Promise<void>;
  /** `<epoch>:<version>@<fold>` of what is served; null: nothing is. */
  served(): Promise<string | null>;
}

/** Begins in the first half of a minute of Redis's, so that it does not end meanwhile. */
function withCache(test: (cache: CacheTest) => Promise<void>): Promise<void> {
  return withRedis(async (given) => {
    const { redis, prefix } = given;
    const cache = createSnapshotCache(redis, prefix);
    const now = async () => {
      const [seconds, micros] = await redis.time() as unknown as [string, string];
      return Number(seconds) * 1_000 + Math.floor(Number(micros) / 1_000);
    };
    await until("a minute's first half", async () => await now() % MINUTE_MS < 30_000, 40_000);
    await test({
      ...given,
      cache,
      key: `${prefix}:snapshot:*`,
      now,
      write: async (figures) => {
        cache.write(figures);
        await redis.ping(); // answered after what was sent before it
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

Deno.test("what was kept is served as it was, with how long ago the database had said it", () =>
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

Deno.test("only what is newer replaces what is kept, whoever writes last", () =>
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

Deno.test("what is written after its minute is not kept, however short ago it was read", () =>
  withCache(async ({ redis, key, write, served, now }) => {
    const before = await now();
    const minuteBefore = before - before % MINUTE_MS - 1; // a millisecond of it was left then
    await write(figuresAt(minuteBefore - 50_000, 9)); // and fifty seconds then
    assertEquals([await served(), await redis.exists(key)], [null, 0]);
    await write(figuresAt(before, 3));
    await write(figuresAt(minuteBefore - 50_000, 9));
    assertEquals(await served(), "1:3@3", "nor does it take the place of what is kept");
  }));

Deno.test("what is kept ends with its minute, by the clock that ends sooner", () =>
  withCache(async ({ redis, key, write, now }) => {
    const at = await now();
    await write(figuresAt(at, 3));
    const left = await redis.pttl(key);
    assert(left > 0 && left <= MINUTE_MS - at % MINUTE_MS, `${left} ms`);
    // By Redis, which is behind the database by half a minute here, more than that would be left.
    const late = Math.floor(at / MINUTE_MS) * MINUTE_MS + MINUTE_MS - 5_000;
    await write(figuresAt(late, 4));
    const shorter = await redis.pttl(key);
    assert(shorter > 0 && shorter <= 5_000, `${shorter} ms`);
  }));

Deno.test("an entry of another minute is not served, whatever lifetime it was given", () =>
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

Deno.test("an entry of another layout is left alone, and held against what is newer", () =>
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

Deno.test("after Redis has lost everything whoever writes first has the say", () =>
  withCache(async ({ redis, key, write, served, now }) => {
    const at = await now();
    await write(figuresAt(at, 9));
    await redis.unlink(key);
    await write(figuresAt(at, 5));
    assertEquals(await served(), "1:5@5", "what protects its readers is not here");
  }));

function minuteOf(ms: number): string {
  return new Date(ms - ms % MINUTE_MS).toISOString();
}
