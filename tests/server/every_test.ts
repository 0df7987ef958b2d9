import { assertEquals } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import { every } from "../../server/every.ts";

Deno.test("every() repeats its work, never twice at once, and goes on after a failure", async () => {
  using time = new FakeTime();
  const calls: PromiseWithResolvers<void>[] = [];
  const failures: unknown[] = [];
  const repeating = every(1_000, () => {
    const call = Promise.withResolvers<void>();
    calls.push(call);
    return call.promise;
  }, (error) => failures.push(error));
  await time.tickAsync(999);
  assertEquals(calls.length, 0);
  await time.tickAsync(5_001);
  assertEquals(calls.length, 1);
  calls[0]!.reject(new Error("it did not work"));
  await time.tickAsync(1_000);
  assertEquals(calls.length, 2);
  assertEquals(failures.map(String), ["Error: it did not work"]);
  let stopped = false;
  const stopping = repeating.stop().then(() => stopped = true);
  await time.tickAsync(5_000);
  assertEquals([calls.length, stopped], [2, false]);
  calls[1]!.resolve();
  await stopping;
});
