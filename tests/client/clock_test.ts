/** Waits of the client, in simulated time. */
import { assertEquals, assertRejects } from "@std/assert";
import { backoffMs, delay, orAborted, systemClock } from "../../client/clock.ts";
import { deferred } from "../../client/deferred.ts";
import { ManualClock } from "../support/doubles/client_clock.ts";

Deno.test("a wait ends at its time and leaves nothing behind", async () => {
  const clock = new ManualClock();
  let isOver = false;
  const waiting = delay(clock, 100, new AbortController().signal).then(() => isOver = true);
  await clock.advance(99);
  assertEquals(isOver, false);
  await clock.advance(1);
  await waiting;
  assertEquals([isOver, clock.timers], [true, 0]);
});

Deno.test("a wait that is aborted rejects with the signal's reason and stops its timer", async () => {
  const clock = new ManualClock();
  const abort = new AbortController();
  const waiting = delay(clock, 100, abort.signal);
  abort.abort(new RangeError("enough"));
  await assertRejects(() => waiting, RangeError, "enough");
  assertEquals(clock.timers, 0);
  await assertRejects(() => delay(clock, 100, abort.signal), RangeError, "enough");
  assertEquals(clock.timers, 0);
});

Deno.test("the backoff doubles up to 5 s, and at most half of it is left out", () => {
  const most = [1, 2, 3, 20].map((tries) => backoffMs(new ManualClock(1), tries));
  const least = [1, 2, 3, 20].map((tries) => backoffMs(new ManualClock(0), tries));
  assertEquals([most, least], [[100, 200, 400, 5_000], [50, 100, 200, 2_500]]);
});

Deno.test("a deferred promise ends as its functions say", async () => {
  const [first, second] = [deferred<number>(), deferred<number>()];
  first.resolve(1);
  second.reject(new RangeError("no"));
  assertEquals(await first.promise, 1);
  await assertRejects(() => second.promise, RangeError, "no");
});

Deno.test("a wait longer than a runtime's longest timer is no wait of nothing", async () => {
  let isOver = false;
  const stops = [Number.MAX_SAFE_INTEGER, 2 ** 31].map((ms) =>
    systemClock.after(ms, () => isOver = true)
  );
  await new Promise((resolve) => setTimeout(resolve, 20));
  assertEquals(isOver, false);
  for (const stop of stops) stop();
});

Deno.test("work that goes on is left when its signal aborts, and nobody hears of its end", async () => {
  const abort = new AbortController();
  const { promise, reject } = deferred<number>();
  const left = orAborted(promise, abort.signal);
  abort.abort(new RangeError("enough"));
  await assertRejects(() => left, RangeError, "enough");
  reject(new Error("late"));
  assertEquals(await orAborted(Promise.resolve(1), new AbortController().signal), 1);
});
