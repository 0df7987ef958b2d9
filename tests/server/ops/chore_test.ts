import { assertEquals } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import { Chore } from "../../../server/ops/chore.ts";

Deno.test("a chore is done every so often, never twice at once, and goes on when it failed", async () => {
  using time = new FakeTime();
  const calls: PromiseWithResolvers<void>[] = [];
  const chore = new Chore("a chore of a test", () => {
    const call = Promise.withResolvers<void>();
    calls.push(call);
    return call.promise;
  }, 1_000);
  await time.tickAsync(999);
  assertEquals(calls.length, 0);
  await time.tickAsync(5_001);
  assertEquals(calls.length, 1);
  calls[0]!.reject(new Error("it did not work"));
  await time.tickAsync(1_000);
  assertEquals(calls.length, 2);
  let stopped = false;
  const stopping = chore.stop().then(() => stopped = true);
  await time.tickAsync(5_000);
  assertEquals([calls.length, stopped], [2, false]);
  calls[1]!.resolve();
  await stopping;
});
