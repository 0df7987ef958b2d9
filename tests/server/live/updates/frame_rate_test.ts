/** A subscriber that wants few frames: on a simulated clock, alone and at the hub. */
import { assertEquals } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import { liveInput } from "../../../../client/contract/snapshot.ts";
import { FrameRate } from "../../../../server/live/updates/frame_rate.ts";
import { noticeOf, withHub } from "../../../support/doubles/fake_hub.ts";

const settled = () => Promise.resolve();

Deno.test("the first frame is due at once, and each next one after its share of a second", async () => {
  using time = new FakeTime(0);
  using rate = new FrameRate(2, () => time.now);
  const sentAt: number[] = [];
  for (const passedMs of [0, 100, 499, 700]) {
    time.tick(passedMs);
    const sent = rate.whenDue(() => {
      sentAt.push(time.now);
      rate.sent();
      return settled();
    });
    for (let waited = 0; waited < 600; waited += 50) await time.tickAsync(50);
    await sent;
  }
  const gaps = sentAt.map((at, index) => at - (sentAt[index - 1] ?? at));
  assertEquals([sentAt[0], gaps.slice(1).every((gap) => gap >= 500)], [0, true]);
});

Deno.test("a frame that waits comes when its time has come, and not before", async () => {
  using time = new FakeTime(0);
  using rate = new FrameRate(3, () => time.now);
  await rate.whenDue(settled);
  rate.sent();
  let isDue = false;
  const due = rate.whenDue(() => {
    isDue = true;
    return settled();
  });
  await time.tickAsync(333);
  await time.runMicrotasks();
  assertEquals(isDue, false, "a third of a second is more than 333 ms");
  await time.tickAsync(1);
  await due;
  assertEquals(isDue, true);
});

Deno.test("a subscription that ends while it waits takes no further step, and leaves no timer", async () => {
  using time = new FakeTime(0);
  const rate = new FrameRate(1, () => time.now);
  rate.sent();
  let steps = 0;
  void rate.whenDue(() => Promise.resolve(void steps++));
  rate[Symbol.dispose]();
  await time.tickAsync(5_000);
  void rate.whenDue(() => Promise.resolve(void steps++));
  await time.runMicrotasks();
  assertEquals([steps, time.next()], [0, false]);
});

Deno.test("a watcher that wants four frames a second gets the newest of each quarter", () =>
  withHub(async ({ hub, database, newest: _, watch, pass, skipped, freshnessMs }) => {
    const slow = watch("*", undefined, 4);
    const all = watch();
    await pass(0);
    for (let version = 2; version <= 41; version++) {
      database.version = version;
      hub.notice(noticeOf(version, ["*"], { writtenAt: new Date(0).toISOString() }));
      await pass(50);
    }
    assertEquals(all.seen.length, 41, "one for each fold");
    const versions = slow.seen.map((text) => Number(/:(\d+)/.exec(text)?.[1]));
    assertEquals(versions.length, 9, "the first at once, and eight in two seconds");
    assertEquals(versions.toSorted((a, b) => a - b), versions);
    await pass(250);
    assertEquals(slow.seen.at(-1)?.startsWith("1:41 "), true, "the newest comes in the end");
    assertEquals([skipped(), freshnessMs.length], [0, 40], "it counts as no slow reader");
  }));

Deno.test("a rate is a number from 0.1 to 60", () => {
  const accepts = (maxFramesPerSecond: unknown) =>
    liveInput.safeParse({ maxFramesPerSecond }).success;
  assertEquals([0.1, 1, 59.5, 60].filter((rate) => !accepts(rate)), []);
  const wrong = [0, 0.09, 60.1, -1, "5", null, NaN, Infinity];
  assertEquals(wrong.filter(accepts), []);
});
