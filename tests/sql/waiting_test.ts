import { assertEquals, assertRejects } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import { answerUnless, answerWithin, pause, settlesWithin } from "../../sql/waiting.ts";

const late = () => new Error("too late");

interface Outcome {
  state: string;
  readonly ended: Promise<unknown>;
}

/** How the promise has ended so far. */
function outcomeOf(promise: Promise<unknown>): Outcome {
  const outcome: Outcome = {
    state: "waits",
    ended: promise.then(
      (answer) => outcome.state = `answers ${answer}`,
      (error) => outcome.state = `fails: ${error.message}`,
    ),
  };
  return outcome;
}

Deno.test("pause() waits for its time", async () => {
  using time = new FakeTime();
  const pausing = outcomeOf(pause(100));
  await time.tickAsync(99);
  assertEquals(pausing.state, "waits");
  await time.tickAsync(1);
  await pausing.ended;
  assertEquals(pausing.state, "answers undefined");
});

Deno.test("pause() ends at once when its signal aborts, or has aborted before", async () => {
  const stop = new AbortController();
  const pausing = pause(60_000, stop.signal);
  stop.abort();
  await pausing;
  await pause(60_000, stop.signal); // the test's sanitizers see that no timer is left
});

Deno.test("settlesWithin() is true for an answer and a failure in time, false for a later one", async () => {
  using time = new FakeTime();
  assertEquals(await settlesWithin(100, Promise.resolve("an answer")), true);
  assertEquals(await settlesWithin(100, Promise.reject(late())), true);
  const { promise, resolve } = Promise.withResolvers<void>();
  const waiting = settlesWithin(100, promise);
  await time.tickAsync(100);
  assertEquals(await waiting, false);
  resolve();
});

Deno.test("answerWithin() passes on the answer or the failure that comes in time", async () => {
  assertEquals(await answerWithin(60_000, Promise.resolve(7), late), 7);
  const failure = Promise.reject(new TypeError("a failure"));
  await assertRejects(() => answerWithin(60_000, failure, late), TypeError, "a failure");
});

Deno.test("answerWithin() throws its error after its time, and a failure after that harms nobody", async () => {
  using time = new FakeTime();
  const { promise, reject } = Promise.withResolvers<number>();
  const waiting = outcomeOf(answerWithin(100, promise, late));
  await time.tickAsync(99);
  assertEquals(waiting.state, "waits");
  await time.tickAsync(1);
  await waiting.ended;
  assertEquals(waiting.state, "fails: too late");
  reject(new Error("nobody waits any more"));
  await time.tickAsync(1);
});

Deno.test("answerWithin() and answerUnless() throw the reason of a signal that aborts first", async () => {
  const stop = new AbortController();
  const { promise, reject } = Promise.withResolvers<number>();
  const waiting = [
    answerWithin(60_000, promise, late, stop.signal),
    answerUnless(stop.signal, promise),
  ].map((answer) => assertRejects(() => answer, Error, "interrupted"));
  stop.abort(new Error("interrupted"));
  await Promise.all(waiting);
  await assertRejects(() => answerUnless(stop.signal, promise), Error, "interrupted");
  reject(new Error("nobody waits any more"));
  await assertRejects(() => promise, Error, "nobody");
});

Deno.test("answerUnless() passes on what comes before its signal aborts", async () => {
  const stop = new AbortController();
  assertEquals(await answerUnless(stop.signal, Promise.resolve(7)), 7);
  stop.abort();
});

Deno.test("answerWithin() looks for a sign of life again and again, and gives up without one", async () => {
  using time = new FakeTime();
  let looks = 0;
  const doubt = { afterMs: 100, isAlive: () => ++looks < 3 };
  const never = outcomeOf(
    answerWithin(10_000, new Promise(() => undefined), late, undefined, doubt),
  );
  for (const ms of [100, 100, 99]) await time.tickAsync(ms);
  assertEquals([never.state, looks], ["waits", 2]);
  await time.tickAsync(1);
  await never.ended;
  assertEquals([never.state, looks], ["fails: too late", 3]);
});

Deno.test("answerWithin() has no doubt once it has its answer", async () => {
  using time = new FakeTime();
  const { promise, resolve } = Promise.withResolvers<string>();
  const alive = Promise.withResolvers<boolean>();
  const doubt = { afterMs: 100, isAlive: () => alive.promise };
  const answer = outcomeOf(answerWithin(10_000, promise, late, undefined, doubt));
  await time.tickAsync(100);
  resolve("yes");
  await answer.ended;
  alive.resolve(false); // too late to matter, and no timer is left
  await time.tickAsync(10_000);
  assertEquals(answer.state, "answers yes");
});
