import { assertEquals } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import { ScopeFeed } from "../../../server/live/scope_feed.ts";
import type { Frame } from "../../../server/live/snapshot.ts";
import { Subscriber } from "../../../server/live/subscriber.ts";
import { figuresAt } from "../../support/recount/figures.ts";

const MINUTE_MS = 60_000;

interface FeedRead {
  /** Answers it; the figures are of the fold and the minute given, or else of the version, minute 0. */
  answer(version: number, of?: { readonly fold?: number; readonly minute?: number }): Promise<void>;
  fail(): Promise<void>;
}

/** A feed whose reads are answered by the test, one by one. */
function feedOfTest(kept: Frame | null = null) {
  const reads: FeedRead[] = [];
  let lookedForKept = 0;
  let oldestShown = 0;
  const feed = new ScopeFeed({
    scope: "*",
    load: () => {
      const { promise, resolve, reject } = Promise.withResolvers<Frame>();
      reads.push({
        answer: (version, { fold = version, minute = 0 } = {}) => {
          resolve(frameOf(version, fold, minute));
          return settle();
        },
        fail: () => {
          reject(new Error("the database is away"));
          return settle();
        },
      });
      return promise;
    },
    loadKept: () => {
      lookedForKept++;
      return Promise.resolve(kept);
    },
    mayShow: ({ minute }) => Date.parse(minute) >= oldestShown,
    onLoaded: () => undefined,
  });
  const watch = () => {
    const subscriber = new Subscriber(null, () => undefined);
    const seen: string[] = [];
    const writtenAt: (string | null)[] = [];
    (async () => {
      for (let next = await subscriber.next(); next !== null; next = await subscriber.next()) {
        seen.push(`${next.frame.figures.version} ${next.source}`);
        writtenAt.push(next.frame.writtenAt);
      }
    })();
    feed.add(subscriber);
    return { subscriber, seen, writtenAt };
  };
  /** From now on no windows before those of `minute` may be shown. */
  const turnTo = (minute: number) => oldestShown = minute * MINUTE_MS;
  return { feed, reads, watch, turnTo, lookedForKept: () => lookedForKept };
}

function frameOf(version: number, fold = version, minute = 0): Frame {
  const figures = figuresAt(minute * MINUTE_MS, version, { fold });
  return { figures, askedAt: 0, writtenAt: null };
}

/** What a notice of a fold wants to be shown. */
function fold(version: number, writtenAt: string | null = null) {
  return { fold: { epoch: 1, version }, writtenAt };
}

/** Lets promises run until nothing more comes of them. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await Promise.resolve();
}

Deno.test("at most one read is under way and one follows, however many are asked for", async () => {
  const { feed, reads, watch } = feedOfTest();
  const { seen } = watch();
  for (let asked = 0; asked < 100; asked++) feed.reload();
  assertEquals(reads.length, 1);
  await reads[0]!.answer(1);
  assertEquals(reads.length, 2);
  for (let asked = 0; asked < 100; asked++) feed.reload();
  assertEquals(reads.length, 2);
  await reads[1]!.answer(2);
  await reads[2]!.answer(3);
  assertEquals([reads.length, seen], [3, ["1 database", "2 live", "3 live"]]);
});

Deno.test("the second who watches gets the newest frame from memory, without a read", async () => {
  const { reads, watch } = feedOfTest();
  watch();
  await reads[0]!.answer(7);
  const second = watch();
  await settle();
  assertEquals([reads.length, second.seen], [1, ["7 live"]]);
});

Deno.test("a read that is older than what was shown is not shown", async () => {
  const { feed, reads, watch } = feedOfTest();
  const { seen } = watch();
  await reads[0]!.answer(7);
  feed.reload(fold(8));
  await reads[1]!.answer(6);
  assertEquals([seen, feed.newest?.figures.version], [["7 database"], 7]);
});

Deno.test("a notice that came during a read is read by the one that follows", async () => {
  const { feed, reads, watch } = feedOfTest();
  const { seen, writtenAt } = watch();
  feed.reload(fold(2, "2026-11-22T10:00:02.000Z"));
  feed.reload(fold(3, "2026-11-22T10:00:01.000Z"));
  feed.reload(fold(4, "2026-11-22T10:00:03.000Z"));
  await reads[0]!.answer(1);
  assertEquals(reads.length, 2);
  await reads[1]!.answer(4);
  assertEquals([reads.length, seen], [2, ["1 database", "4 live"]]);
  assertEquals(writtenAt, [null, "2026-11-22T10:00:01.000Z"], "the oldest change counts");
  feed.reload();
  await reads[2]!.answer(5);
  assertEquals(writtenAt[2], null);
});

Deno.test("a notice of what a read under way turns out to show makes no other read", async () => {
  const { feed, reads, watch } = feedOfTest();
  const { seen, writtenAt } = watch();
  feed.reload(fold(7, "2026-11-22T10:00:01.000Z"));
  await reads[0]!.answer(5, { fold: 8 });
  assertEquals([reads.length, seen, writtenAt], [1, ["5 database"], ["2026-11-22T10:00:01.000Z"]]);
  for (const known of [fold(6), fold(7), fold(8)]) feed.reload(known);
  assertEquals(reads.length, 1, "all of them are shown");
  feed.reload(fold(9));
  assertEquals(reads.length, 2);
  await reads[1]!.answer(5, { fold: 9 });
  assertEquals(seen, ["5 database"]);
});

Deno.test("who comes later has not waited since the frame was written", async () => {
  const { feed, reads, watch } = feedOfTest();
  const first = watch();
  await reads[0]!.answer(1);
  feed.reload(fold(2, "2026-11-22T10:00:01.000Z"));
  await reads[1]!.answer(2);
  const late = watch();
  await settle();
  assertEquals(first.writtenAt, [null, "2026-11-22T10:00:01.000Z"]);
  assertEquals([late.seen, late.writtenAt], [["2 live"], [null]]);
});

Deno.test("a change whose read failed is still waited for by the one that succeeds", async () => {
  const { feed, reads, watch } = feedOfTest();
  const { writtenAt } = watch();
  await reads[0]!.answer(1);
  feed.reload(fold(2, "2026-11-22T10:00:01.000Z"));
  await reads[1]!.fail();
  feed.reload(fold(3, "2026-11-22T10:00:02.000Z"));
  await reads[2]!.answer(3);
  assertEquals(writtenAt, [null, "2026-11-22T10:00:01.000Z"]);
});

Deno.test("any number who come during a read get what it gives, and only one read is made", async () => {
  const { reads, watch } = feedOfTest();
  const all = Array.from({ length: 200 }, () => watch());
  await reads[0]!.answer(7);
  assertEquals([reads.length, new Set(all.flatMap(({ seen }) => seen))], [
    1,
    new Set(["7 database"]),
  ]);
});

Deno.test("who comes after a minute's end gets what a new read gives, not what is in memory", async () => {
  using _time = new FakeTime();
  const { reads, watch, turnTo } = feedOfTest();
  watch();
  await reads[0]!.answer(7);
  turnTo(1);
  const late = watch();
  await settle();
  assertEquals([reads.length, late.seen], [2, []]);
  await reads[1]!.answer(7, { minute: 1 });
  assertEquals(late.seen, ["7 live"]);
});

Deno.test("who comes after a minute's end gets the last frame when that read fails", async () => {
  using _time = new FakeTime();
  const { reads, watch, turnTo } = feedOfTest();
  const { seen } = watch();
  await reads[0]!.answer(7);
  turnTo(1);
  const late = watch();
  await reads[1]!.fail();
  assertEquals([late.seen, seen], [["7 live"], ["7 database"]]);
});

Deno.test("a frame whose minute ended on its way is not shown, and read again at once", async () => {
  using _time = new FakeTime();
  const { reads, watch, turnTo } = feedOfTest();
  const { seen } = watch();
  turnTo(1);
  await reads[0]!.answer(7);
  assertEquals([reads.length, seen], [2, []]);
  await reads[1]!.answer(7, { minute: 1 });
  assertEquals([reads.length, seen], [2, ["7 live"]]);
});

Deno.test("a minute that is wanted during a read makes one only when that does not show it", async () => {
  const { feed, reads, watch } = feedOfTest();
  watch();
  await reads[0]!.answer(7);
  const minute = new Date(MINUTE_MS).toISOString();
  feed.reload(fold(8));
  feed.reload({ minute });
  await reads[1]!.answer(8, { minute: 1 });
  assertEquals(reads.length, 2);
  feed.reload({ minute });
  assertEquals(reads.length, 2);
  feed.reload({ minute: new Date(2 * MINUTE_MS).toISOString() });
  assertEquals(reads.length, 3);
  await reads[2]!.answer(8, { minute: 2 });
});

Deno.test("the kept frame is not even looked for while the database answers in time", async () => {
  using time = new FakeTime();
  const { reads, watch, lookedForKept } = feedOfTest(frameOf(5));
  const { seen } = watch();
  await reads[0]!.answer(7);
  time.tick(10_000);
  await settle();
  assertEquals([seen, lookedForKept()], [["7 database"], 0]);
});

Deno.test("the kept frame is shown when the read fails, and the database's when it is back", async () => {
  using _time = new FakeTime();
  const { feed, reads, watch } = feedOfTest(frameOf(5));
  const { seen } = watch();
  await reads[0]!.fail();
  assertEquals(seen, ["5 cache"]);
  feed.retry();
  await reads[1]!.answer(4);
  assertEquals(seen, ["5 cache", "5 cache"], "what is kept may be ahead, and is then not left");
  feed.reload();
  await reads[2]!.answer(6);
  assertEquals(seen, ["5 cache", "5 cache", "6 live"]);
  feed.retry();
  assertEquals(reads.length, 3, "the latest did not fail");
});

Deno.test("the kept frame is shown when the read hangs, without waiting for its end", async () => {
  using time = new FakeTime();
  const { reads, watch } = feedOfTest(frameOf(5));
  const { seen } = watch();
  time.tick(499);
  await settle();
  assertEquals(seen, []);
  time.tick(1);
  await settle();
  assertEquals(seen, ["5 cache"]);
  await reads[0]!.answer(7);
  assertEquals(seen, ["5 cache", "7 live"]);
});

Deno.test("a failed read leaves the newest frame, and the kept one alone", async () => {
  const { feed, reads, watch, lookedForKept } = feedOfTest(frameOf(5));
  const { seen } = watch();
  await reads[0]!.answer(7);
  feed.reload();
  await reads[1]!.fail();
  assertEquals([seen, lookedForKept()], [["7 database"], 0]);
});

Deno.test("settled() waits for the read under way and the one that follows", async () => {
  const { feed, reads, watch } = feedOfTest();
  watch();
  feed.reload();
  let settled = false;
  const waiting = feed.settled().then(() => settled = true);
  await reads[0]!.answer(1);
  assertEquals(settled, false);
  await reads[1]!.answer(2);
  await waiting;
});
