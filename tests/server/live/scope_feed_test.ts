import { assertEquals } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import { forFold, forMinute, type ReadRequest, REREAD } from "../../../server/live/read_request.ts";
import { ScopeFeed } from "../../../server/live/scope_feed.ts";
import type { Frame } from "../../../server/live/snapshot.ts";
import { Subscriber } from "../../../server/live/subscriber.ts";
import { currenciesOf, figuresAt } from "../../support/recount/figures.ts";

const MINUTE_MS = 60_000;

/** With sixteen currencies and more a frame is large. */
type AnswerOf = Readonly<Partial<Record<"fold" | "minute" | "currencies", number>>>;

interface FeedRead {
  /** Answers with figures of this version; by default the fold is the same, and the minute is 0. */
  answer(version: number, of?: AnswerOf): Promise<void>;
  fail(): Promise<void>;
}

/** A feed whose reads the test answers one by one. */
function feedOfTest(kept: Frame | null = null) {
  const reads: FeedRead[] = [];
  let lookedForKept = 0;
  let oldestShown = 0;
  const feed = new ScopeFeed("*", {
    readAndKeep: () => {
      const { promise, resolve, reject } = Promise.withResolvers<Frame>();
      reads.push({
        answer: (version, { fold = version, minute = 0, currencies = 0 } = {}) => {
          resolve(frameOf(version, fold, minute, currencies));
          return settle();
        },
        fail: () => {
          reject(new Error("the database is away"));
          return settle();
        },
      });
      return promise;
    },
    readKept: () => {
      lookedForKept++;
      return Promise.resolve(kept);
    },
    mayShow: ({ minute }) => Date.parse(minute) >= oldestShown,
    awaitNextMinute: () => undefined,
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
  /** From now on, frames of minutes before `minute` may not be shown. */
  const turnTo = (minute: number) => oldestShown = minute * MINUTE_MS;
  return { feed, reads, watch, turnTo, lookedForKept: () => lookedForKept };
}

function frameOf(version: number, fold = version, minute = 0, count = 0): Frame {
  const parts = { fold, currencies: currenciesOf(count) };
  return { figures: figuresAt(minute * MINUTE_MS, version, parts), askedAt: 0, writtenAt: null };
}

/** The request that a notice of a fold makes. */
function fold(version: number, writtenAt: string | null = null): ReadRequest {
  return forFold({ epoch: 1, version }, writtenAt);
}

/** Lets all promises run that are ready. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await Promise.resolve();
}

Deno.test("request() makes at most one read at once and one after it, for any number of requests", async () => {
  const { feed, reads, watch } = feedOfTest();
  const { seen } = watch();
  for (let asked = 0; asked < 100; asked++) feed.request(REREAD);
  assertEquals(reads.length, 1);
  await reads[0]!.answer(1);
  assertEquals(reads.length, 2);
  for (let asked = 0; asked < 100; asked++) feed.request(REREAD);
  assertEquals(reads.length, 2);
  await reads[1]!.answer(2);
  await reads[2]!.answer(3);
  assertEquals([reads.length, seen], [3, ["1 database", "2 live", "3 live"]]);
});

Deno.test("a second subscriber gets the newest frame from memory, without a read", async () => {
  const { reads, watch } = feedOfTest();
  watch();
  await reads[0]!.answer(7);
  const second = watch();
  await settle();
  assertEquals([reads.length, second.seen], [1, ["7 live"]]);
});

Deno.test("an answer older than the frame is not shown", async () => {
  const { feed, reads, watch } = feedOfTest();
  const { seen } = watch();
  await reads[0]!.answer(7);
  feed.request(fold(8));
  await reads[1]!.answer(6);
  assertEquals([seen, feed.frame?.figures.version], [["7 database"], 7]);
});

Deno.test("a notice that comes during a read is answered by the read after it", async () => {
  const { feed, reads, watch } = feedOfTest();
  const { seen, writtenAt } = watch();
  feed.request(fold(2, "2026-11-22T10:00:02.000Z"));
  feed.request(fold(3, "2026-11-22T10:00:01.000Z"));
  feed.request(fold(4, "2026-11-22T10:00:03.000Z"));
  await reads[0]!.answer(1);
  assertEquals(reads.length, 2);
  await reads[1]!.answer(4);
  assertEquals([reads.length, seen], [2, ["1 database", "4 live"]]);
  assertEquals(writtenAt, [null, "2026-11-22T10:00:01.000Z"], "the oldest change counts");
  feed.request(REREAD);
  await reads[2]!.answer(5);
  assertEquals(writtenAt[2], null);
});

Deno.test("a notice of a fold that the read under way shows makes no other read", async () => {
  const { feed, reads, watch } = feedOfTest();
  const { seen, writtenAt } = watch();
  feed.request(fold(7, "2026-11-22T10:00:01.000Z"));
  await reads[0]!.answer(5, { fold: 8 });
  assertEquals([reads.length, seen, writtenAt], [1, ["5 database"], ["2026-11-22T10:00:01.000Z"]]);
  for (const known of [fold(6), fold(7), fold(8)]) feed.request(known);
  assertEquals(reads.length, 1, "the frame shows all of them");
  feed.request(fold(9));
  assertEquals(reads.length, 2);
  await reads[1]!.answer(5, { fold: 9 });
  assertEquals(seen, ["5 database"]);
});

Deno.test("a later subscriber gets the frame without the time of its oldest change", async () => {
  const { feed, reads, watch } = feedOfTest();
  const first = watch();
  await reads[0]!.answer(1);
  feed.request(fold(2, "2026-11-22T10:00:01.000Z"));
  await reads[1]!.answer(2);
  const late = watch();
  await settle();
  assertEquals(first.writtenAt, [null, "2026-11-22T10:00:01.000Z"]);
  assertEquals([late.seen, late.writtenAt], [["2 live"], [null]]);
});

Deno.test("a change whose read failed still counts in the read that succeeds", async () => {
  const { feed, reads, watch } = feedOfTest();
  const { writtenAt } = watch();
  await reads[0]!.answer(1);
  feed.request(fold(2, "2026-11-22T10:00:01.000Z"));
  await reads[1]!.fail();
  feed.request(fold(3, "2026-11-22T10:00:02.000Z"));
  await reads[2]!.answer(3);
  assertEquals(writtenAt, [null, "2026-11-22T10:00:01.000Z"]);
});

Deno.test("subscribers that come during a read all get its frame, for one read", async () => {
  const { reads, watch } = feedOfTest();
  const all = Array.from({ length: 200 }, () => watch());
  await reads[0]!.answer(7);
  assertEquals([reads.length, new Set(all.flatMap(({ seen }) => seen))], [
    1,
    new Set(["7 database"]),
  ]);
});

Deno.test("a subscriber after the minute's end gets the frame of a new read, not the one in memory", async () => {
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

Deno.test("a subscriber after the minute's end gets the last frame when the new read fails", async () => {
  using _time = new FakeTime();
  const { reads, watch, turnTo } = feedOfTest();
  const { seen } = watch();
  await reads[0]!.answer(7);
  turnTo(1);
  const late = watch();
  await reads[1]!.fail();
  assertEquals([late.seen, seen], [["7 live"], ["7 database"]]);
});

Deno.test("an answer whose minute ended on the way is not shown, and the scope is read again at once", async () => {
  using _time = new FakeTime();
  const { reads, watch, turnTo } = feedOfTest();
  const { seen } = watch();
  turnTo(1);
  await reads[0]!.answer(7);
  assertEquals([reads.length, seen], [2, []]);
  await reads[1]!.answer(7, { minute: 1 });
  assertEquals([reads.length, seen], [2, ["7 live"]]);
});

Deno.test("a minute requested during a read makes another read only if that one does not show it", async () => {
  const { feed, reads, watch } = feedOfTest();
  watch();
  await reads[0]!.answer(7);
  const minute = forMinute(new Date(MINUTE_MS).toISOString());
  feed.request(fold(8));
  feed.request(minute);
  await reads[1]!.answer(8, { minute: 1 });
  assertEquals(reads.length, 2);
  feed.request(minute);
  assertEquals(reads.length, 2);
  feed.request(forMinute(new Date(2 * MINUTE_MS).toISOString()));
  assertEquals(reads.length, 3);
  await reads[2]!.answer(8, { minute: 2 });
});

Deno.test("the kept frame is not looked for while the database answers in time", async () => {
  using time = new FakeTime();
  const { reads, watch, lookedForKept } = feedOfTest(frameOf(5));
  const { seen } = watch();
  await reads[0]!.answer(7);
  time.tick(10_000);
  await settle();
  assertEquals([seen, lookedForKept()], [["7 database"], 0]);
});

Deno.test("the kept frame is shown when the read fails, and the database's frame when it is back", async () => {
  using _time = new FakeTime();
  const { feed, reads, watch } = feedOfTest(frameOf(5));
  const { seen } = watch();
  await reads[0]!.fail();
  assertEquals(seen, ["5 cache"]);
  feed.databaseAnswered();
  await reads[1]!.answer(4);
  assertEquals(seen, ["5 cache", "5 cache"], "the kept frame is newer than the answer and stays");
  feed.request(REREAD);
  await reads[2]!.answer(6);
  assertEquals(seen, ["5 cache", "5 cache", "6 live"]);
  feed.databaseAnswered();
  assertEquals(reads.length, 3, "the latest read did not fail");
});

Deno.test("the kept frame is shown after 500 ms when the read hangs", async () => {
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

Deno.test("a failed read keeps the frame in memory, and does not look for the kept one", async () => {
  const { feed, reads, watch, lookedForKept } = feedOfTest(frameOf(5));
  const { seen } = watch();
  await reads[0]!.answer(7);
  feed.request(REREAD);
  await reads[1]!.fail();
  assertEquals([seen, lookedForKept()], [["7 database"], 0]);
});

Deno.test("stop() waits for the read under way and the one after it", async () => {
  const { feed, reads, watch } = feedOfTest();
  watch();
  feed.request(REREAD);
  let settled = false;
  const waiting = feed.stop().then(() => settled = true);
  await reads[0]!.answer(1);
  assertEquals(settled, false);
  await reads[1]!.answer(2);
  await waiting;
});

Deno.test("a feed that stops leaves no timer of a large frame behind", async () => {
  using time = new FakeTime();
  const { feed, reads, watch } = feedOfTest();
  const viewers = Array.from({ length: 9 }, watch);
  await reads[0]!.answer(1, { currencies: 40 });
  assertEquals(viewers.map(({ seen }) => seen.length).join(""), "111100000");
  await time.tickAsync(5);
  await settle();
  assertEquals(viewers.map(({ seen }) => seen.length).join(""), "111111110");
  await feed.stop();
  assertEquals(time.next(), false, "no timer is left");
});
