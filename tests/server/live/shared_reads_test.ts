import { assertEquals, assertRejects } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import { SharedReads } from "../../../server/live/shared_reads.ts";

/** Shared reads that the test answers one by one; the answer is the number of the read. */
function readsOfTest() {
  const reads: { readonly scope: string; answer(): void; fail(): void }[] = [];
  const shared = new SharedReads((scope) => {
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    const number = reads.length;
    reads.push({
      scope,
      answer: () => resolve(number),
      fail: () => reject(new Error(`read ${number} has failed`)),
    });
    return promise;
  });
  return { reads, next: (scope = "*") => shared.next(scope) };
}

async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await Promise.resolve();
}

Deno.test("next() during a read answers the read after it, the same for all callers", async () => {
  const { reads, next } = readsOfTest();
  const first = next();
  const others = Array.from({ length: 100 }, () => next());
  await settle();
  assertEquals(reads.length, 1);
  reads[0]!.answer();
  assertEquals(await first, 0);
  await settle();
  assertEquals(reads.length, 2);
  const late = next();
  reads[1]!.answer();
  assertEquals(new Set(await Promise.all(others)), new Set([1]));
  await settle();
  reads[2]!.answer();
  assertEquals([await late, reads.length], [2, 3]);
});

Deno.test("next() without a read under way begins one at once", async () => {
  const { reads, next } = readsOfTest();
  for (const number of [0, 1]) {
    const asked = next();
    reads[number]!.answer();
    assertEquals(await asked, number);
  }
});

Deno.test("next() does not wait for reads of other scopes", async () => {
  const { reads, next } = readsOfTest();
  const [north, south] = [next("north"), next("south")];
  assertEquals(reads.map(({ scope }) => scope), ["north", "south"]);
  reads[1]!.answer();
  assertEquals(await south, 1);
  reads[0]!.answer();
  assertEquals(await north, 0);
});

Deno.test("a failed read fails only the callers that wait for it", async () => {
  const { reads, next } = readsOfTest();
  const first = next();
  const second = next();
  reads[0]!.fail();
  await assertRejects(() => first, Error, "read 0");
  await settle();
  reads[1]!.answer();
  assertEquals(await second, 1);
});

Deno.test("next() waits half a second at most for a read that hangs", async () => {
  using time = new FakeTime();
  const { reads, next } = readsOfTest();
  const hanging = next();
  const second = next();
  time.tick(499);
  await settle();
  assertEquals(reads.length, 1);
  time.tick(1);
  await settle();
  assertEquals(reads.length, 2);
  const third = next();
  reads[0]!.answer(); // the third caller does not wait for this one
  assertEquals(await hanging, 0);
  await settle();
  assertEquals(reads.length, 2);
  reads[1]!.answer();
  assertEquals(await second, 1);
  await settle();
  reads[2]!.answer();
  assertEquals(await third, 2);
});
