import { assertEquals, assertGreater, assertLessOrEqual } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import { RefusalPace } from "../../../../server/front/keys/refusal_pace.ts";

const STEP_MS = 50;

/** Lets time pass, and lets everything go on that becomes due. */
async function pass(time: FakeTime, ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += STEP_MS) {
    await time.tickAsync(STEP_MS);
    await time.tickAsync(0);
  }
  await time.tickAsync(0);
}

/** A pace in simulated time, and how late each of its refusals was, in the order of their ends. */
function aPace(time: FakeTime, random: () => number = () => 1) {
  const pace = new RefusalPace(() => time.now, random);
  const lateMs: number[] = [];
  const refuse = (count: number) => {
    const at = time.now;
    for (let index = 0; index < count; index++) {
      void pace.turn().then(() => lateMs.push(time.now - at));
    }
  };
  return { lateMs, refuse };
}

Deno.test("a hundred refusals a second are answered at once", async () => {
  using time = new FakeTime();
  const { lateMs, refuse } = aPace(time);
  for (let second = 0; second < 3; second++) {
    refuse(100);
    await pass(time, 1_000);
  }
  assertEquals(lateMs, Array(300).fill(0));
});

Deno.test("past that, callers that wait for their refusals get a hundred a second", async () => {
  using time = new FakeTime();
  const { lateMs, refuse } = aPace(time);
  refuse(300);
  await pass(time, 0);
  assertEquals(lateMs.length, 100);
  await pass(time, 1_000);
  assertEquals(lateMs.length, 200);
  await pass(time, 1_000);
  assertEquals(lateMs.length, 300);
  await pass(time, 1_000);
  refuse(1);
  await pass(time, 0);
  assertEquals(lateMs.at(-1), 0, "the debt is paid");
});

Deno.test("no refusal is later than fifteen seconds, and the debt of a flood ends with it", async () => {
  using time = new FakeTime();
  const { lateMs, refuse } = aPace(time);
  refuse(5_000);
  await pass(time, 15_000);
  assertEquals(lateMs.length, 5_000);
  assertEquals(Math.max(...lateMs), 15_000);
  await pass(time, 1_000);
  refuse(1);
  await pass(time, 0);
  assertEquals(lateMs.at(-1), 0);
});

Deno.test("refusals of one moment are spread, so that their callers do not come again together", async () => {
  using time = new FakeTime();
  let turn = 0;
  const { lateMs, refuse } = aPace(time, () => (turn++ % 100) / 100);
  refuse(5_000);
  await pass(time, 15_000);
  const late = lateMs.filter((ms) => ms > 11_200);
  const perTenth = Map.groupBy(late, (ms) => Math.floor(ms / 100));
  assertGreater(perTenth.size, 36);
  for (const [tenth, found] of perTenth) assertLessOrEqual(found.length, 200, `${tenth}`);
});

Deno.test("ten thousand refusals are held at most, and the others are answered at once", async () => {
  using time = new FakeTime();
  const { lateMs, refuse } = aPace(time);
  refuse(10_300);
  await pass(time, 0);
  assertEquals(lateMs.length, 300);
  await pass(time, 15_000);
  assertEquals(lateMs.length, 10_300);
});
