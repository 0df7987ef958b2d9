import { assertEquals } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import { ScopeFeed } from "../../server/live/scope_feed.ts";
import type { Frame } from "../../server/live/snapshot.ts";
import { Subscriber } from "../../server/live/subscriber.ts";
import { figuresAt } from "../support/figures.ts";

/** A feed whose reads are answered by the test, one by one. */
function feedOfTest(kept: Frame | null = null) {
  const reads: {
    readonly writtenAt: string | null;
    readonly answer: (version: number) => Promise<void>;
    readonly fail: () => Promise<void>;
  }[] = [];
  let lookedForKept = 0;
  const feed = new ScopeFeed({
    scope: "*",
    load: (_, writtenAt) => {
      const { promise, resolve, reject } = Promise.withResolvers<Frame>();
      reads.push({
        writtenAt,
        answer: (version) => {
          resolve(frameOf(version, writtenAt));
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
    onLoaded: () => undefined,
  });
  const watch = () => {
    const subscriber = new Subscriber(null, () => undefined);
    const seen: string[] = [];
    (async () => {
      for (let next = await subscriber.next(); next !== null; next = await subscriber.next()) {
        seen.push(`${next.frame.figures.version} ${next.source}`);
      }
    })();
    feed.add(subscriber);
    return { subscriber, seen };
  };
  return { feed, reads, watch, lookedForKept: () => lookedForKept };
}

function frameOf(version: number, writtenAt: string | null = null): Frame {
  return { figures: figuresAt(0, version), receivedAt: 0, writtenAt };
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
  feed.reload();
  await reads[1]!.answer(6);
  assertEquals([seen, feed.newest?.figures.version], [["7 database"], 7]);
});

Deno.test("a notice that came during a read is read by the one that follows", async () => {
  const { feed, reads, watch } = feedOfTest();
  watch();
  feed.reload("2026-11-22T10:00:02.000Z");
  feed.reload("2026-11-22T10:00:01.000Z");
  feed.reload("2026-11-22T10:00:03.000Z");
  await reads[0]!.answer(1);
  assertEquals(reads[1]!.writtenAt, "2026-11-22T10:00:01.000Z", "the oldest change counts");
  await reads[1]!.answer(2);
  feed.reload();
  assertEquals(reads[2]!.writtenAt, null);
  await reads[2]!.answer(2);
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
  assertEquals([seen, feed.failed], [["5 cache"], true]);
  feed.reload();
  await reads[1]!.answer(4);
  assertEquals(seen, ["5 cache"], "what is kept may be ahead, and is then not left");
  feed.reload();
  await reads[2]!.answer(6);
  assertEquals([seen, feed.failed], [["5 cache", "6 live"], false]);
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
  assertEquals([seen, feed.failed, lookedForKept()], [["7 database"], true, 0]);
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
