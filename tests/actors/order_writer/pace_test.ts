import { assertEquals } from "@std/assert";
import { Pace } from "../../../actors/order_writer/pace.ts";
import { gate } from "../../support/doubles/scripted_store.ts";

/** A pace with two lanes, at a time that the test sets. */
function aPace() {
  const time = { now: 1_000 };
  return { time, pace: new Pace(2, () => time.now) };
}

/** Runs two batches of 100 ms, one after the other. */
async function warm({ time, pace }: ReturnType<typeof aPace>): Promise<void> {
  for (let batch = 0; batch < 2; batch++) {
    await pace.during(() => Promise.resolve(void (time.now += 100)));
  }
}

Deno.test("a batch waits for nothing while a lane is free", async () => {
  const both = aPace();
  assertEquals([both.pace.waitMs(0), both.pace.batchMs], [0, null]);
  await warm(both);
  const { pace } = both;
  assertEquals([pace.waitMs(0), pace.waitMs(1), pace.batchMs], [0, 0, 100]);
  const busy = gate();
  const batch = pace.during(() => busy.passed);
  assertEquals(pace.waitMs(0), 0);
  busy.open();
  await batch;
});

Deno.test("a batch waits for a lane by the times at which those under way began", async () => {
  const both = aPace();
  await warm(both);
  const { pace, time } = both;
  const busy = gate();
  const batches = [pace.during(() => busy.passed)];
  time.now += 40;
  batches.push(pace.during(() => busy.passed));
  time.now += 10;
  // These two end in 50 and in 90 ms. Each following batch ends 100 ms after the one before it.
  assertEquals([0, 1, 2, 3].map((ahead) => pace.waitMs(ahead)), [50, 90, 150, 190]);
  busy.open();
  await Promise.all(batches);
});

Deno.test("a batch that takes longer than usual counts before it has ended", async () => {
  const both = aPace();
  await warm(both);
  const { pace, time } = both;
  const busy = gate();
  const batches = [pace.during(() => busy.passed), pace.during(() => busy.passed)];
  time.now += 3_000;
  assertEquals([pace.batchMs, pace.waitMs(2)], [3_000, 3_000]);
  busy.fail(new Error("the database is away"));
  await Promise.allSettled(batches);
  assertEquals(pace.waitMs(0), 0, "a batch that failed leaves its lane");
});
