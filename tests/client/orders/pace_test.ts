/** The pace of a client, in simulated time. */
import { assertEquals, assertRejects } from "@std/assert";
import { deferred } from "../../../client/deferred.ts";
import { Pace } from "../../../client/orders/pace.ts";
import { ManualClock } from "../../support/doubles/client_clock.ts";

/** A pace, and calls that a test ends by hand: a number is a refusal for so long. */
function stage() {
  const clock = new ManualClock();
  const pace = new Pace(clock);
  const begun: ((refusedForMs: number | null) => void)[] = [];
  const call = (signal = new AbortController().signal) =>
    pace.run(
      () => {
        const { promise, resolve } = deferred<number | null>();
        begun.push(resolve);
        return promise;
      },
      (refusedForMs) => refusedForMs,
      signal,
    );
  return { clock, pace, begun, call };
}

Deno.test("calls go side by side while nothing is refused", async () => {
  const { clock, begun, call } = stage();
  const calls = Array.from({ length: 300 }, () => call());
  await clock.settle();
  assertEquals(begun.length, 300);
  begun.forEach((end) => end(null));
  await Promise.all(calls);
});

Deno.test("a refusal halves the calls under way and holds new ones back as long as it says", async () => {
  const { clock, pace, begun, call } = stage();
  const calls = Array.from({ length: 20 }, () => call());
  await clock.settle();
  begun[0]!(100);
  await clock.settle();
  assertEquals(pace.limit, 10);
  // The others of the same overload are no further reason.
  begun.slice(1, 20).forEach((end) => end(100));
  await Promise.all(calls);
  assertEquals(pace.limit, 10);

  const next = Array.from({ length: 15 }, () => call());
  await clock.advance(99);
  assertEquals(begun.length, 20);
  await clock.advance(1);
  assertEquals(begun.length, 30, "ten at once");
  begun.slice(20).forEach((end) => end(null));
  await clock.settle();
  begun.slice(30).forEach((end) => end(null));
  await Promise.all(next);
  assertEquals(pace.limit, 11, "about one more for a round of calls that are taken");
  assertEquals(clock.timers, 0);
});

Deno.test("one call always goes, and gets the pace up again", async () => {
  const { clock, pace, begun, call } = stage();
  for (let refusals = 0; refusals < 10; refusals++) {
    const refused = call();
    await clock.advance(50);
    begun.at(-1)!(50);
    await refused;
  }
  assertEquals(pace.limit, 1);
  for (let taken = 0; taken < 40; taken++) {
    const call_ = call();
    await clock.advance(50);
    begun.at(-1)!(null);
    await call_;
  }
  assertEquals(pace.limit > 5, true);
});

Deno.test("a call that is aborted gives its place in the queue up", async () => {
  const { clock, begun, call } = stage();
  const refused = call();
  await clock.settle();
  begun[0]!(1_000);
  await refused;
  const abort = new AbortController();
  const waiting = call(abort.signal);
  const behind = call();
  abort.abort(new RangeError("enough"));
  await assertRejects(() => waiting, RangeError, "enough");
  await assertRejects(() => call(abort.signal), RangeError, "enough");
  await clock.advance(1_000);
  assertEquals(begun.length, 2);
  begun[1]!(null);
  await behind;
});

Deno.test("a shorter refusal does not open what a longer one has closed", async () => {
  const { clock, begun, call } = stage();
  const calls = [call(), call()];
  await clock.settle();
  begun[0]!(2_000);
  begun[1]!(10);
  await Promise.all(calls);
  const next = call();
  await clock.advance(1_999);
  assertEquals(begun.length, 2);
  await clock.advance(1);
  assertEquals(begun.length, 3);
  begun[2]!(null);
  await next;
});
