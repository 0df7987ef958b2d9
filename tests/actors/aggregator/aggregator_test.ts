import { assert, assertEquals, assertRejects } from "@std/assert";
import { type AggregatorOptions, startAggregator } from "../../../actors/aggregator/aggregator.ts";
import type { FoldRun } from "../../../actors/aggregator/machine.ts";
import type { FoldResult } from "../../../sql/figures/fold.ts";
import { gate, socketError } from "../../support/doubles/scripted_store.ts";
import { SimulatedClock } from "../../support/doubles/simulated_clock.ts";

const FOLDED: FoldResult = {
  outcome: "folded",
  epoch: 1,
  version: 7,
  journalRows: 2,
  orders: 5,
  lagMs: 3,
  more: false,
  notice: null,
};

/** An aggregator in simulated time. The test answers its folds. */
function anAggregator(options: Partial<AggregatorOptions> = {}) {
  const clock = new SimulatedClock();
  const runs: FoldRun[] = [];
  /** The time at which each fold began. */
  const begun: number[] = [];
  /** The most entries that each fold was given. */
  const taken: number[] = [];
  const folds = { answer: (): Promise<FoldResult> => Promise.resolve(FOLDED), atOnce: 0, most: 0 };
  const aggregator = startAggregator({
    fold: async (mostEntries) => {
      begun.push(clock.now());
      taken.push(mostEntries);
      folds.atOnce++;
      folds.most = Math.max(folds.most, folds.atOnce);
      try {
        return await folds.answer();
      } finally {
        folds.atOnce--;
      }
    },
    intervalMs: 1_000,
    minGapMs: 50,
    clock,
    random: () => 0.999,
    onRun: (run) => runs.push(run),
    onBug: (error) => {
      throw error;
    },
    ...options,
  });
  return { aggregator, clock, runs, begun, taken, folds };
}

Deno.test("the aggregator folds once every interval when nothing wakes it", async () => {
  const { clock, begun } = anAggregator();
  await clock.advance(3_500);
  assertEquals(begun, [1_000, 2_000, 3_000]);
});

Deno.test("wake() folds at once, and a stream of commits makes folds a minimum gap apart", async () => {
  const { aggregator, clock, begun } = anAggregator();
  await clock.advance(200);
  aggregator.wake();
  await clock.settle();
  assertEquals(begun, [200]);
  for (let ms = 0; ms < 500; ms += 5) {
    aggregator.wake();
    await clock.advance(5);
  }
  for (const [index, at] of begun.entries()) {
    if (index > 0) assert(at - begun[index - 1]! >= 50, `folds at ${begun}`);
  }
  assertEquals(begun.length, 11);
});

Deno.test("the aggregator never folds twice at once, keeps one fold pending, and counts overlaps", async () => {
  const { aggregator, clock, begun, folds } = anAggregator();
  const slow = [gate(), gate()];
  let started = 0;
  folds.answer = () => slow[started++]!.passed.then(() => FOLDED);
  await clock.advance(100);
  aggregator.wake();
  await clock.settle();
  assertEquals(aggregator.status().state, "running");
  for (let ms = 0; ms < 2_500; ms += 50) {
    aggregator.wake();
    await clock.advance(50);
  }
  assertEquals(aggregator.status().state, "running_pending");
  assertEquals([begun.length, aggregator.status().overlaps], [1, 1]);
  slow[0]!.open();
  await clock.advance(100);
  assertEquals(begun.length, 2, "one fold more, however many asked");
  slow[1]!.open();
  await clock.advance(500);
  assertEquals([begun.length, folds.most], [2, 1]);
  assertEquals(aggregator.status().state, "idle");
});

Deno.test("a lock that another instance holds is tried again after the gap, not after the interval", async () => {
  const { aggregator, clock, begun, folds, runs } = anAggregator();
  folds.answer = () => Promise.resolve({ outcome: "locked" });
  await clock.advance(100);
  aggregator.wake();
  await clock.settle();
  assertEquals(aggregator.status().state, "standby");
  await clock.advance(120);
  assertEquals(begun, [100, 150, 200]);
  folds.answer = () => Promise.resolve(FOLDED);
  await clock.advance(40);
  assertEquals(begun.at(-1), 250);
  assertEquals(aggregator.status().state, "idle");
  const last = runs.at(-1);
  assert(last !== undefined && "result" in last);
  assertEquals(last.wokenAt, 100, "the fold serves the first wake-up");
});

Deno.test("a failed fold is tried again with backoff, and its wake-up is not forgotten", async () => {
  const { aggregator, clock, begun, folds, runs } = anAggregator();
  folds.answer = () => Promise.reject(socketError("ECONNREFUSED"));
  await clock.advance(100);
  aggregator.wake();
  await clock.settle();
  assertEquals(aggregator.status().state, "backing_off");
  await clock.advance(10_000);
  const pauses = begun.slice(1).map((at, index) => at - begun[index]!);
  assertEquals(pauses.slice(0, 7), [100, 200, 400, 800, 1_600, 2_000, 2_000]);
  assert(aggregator.status().lagMs > 9_000);
  folds.answer = () => Promise.resolve(FOLDED);
  await clock.advance(5_000);
  assertEquals(aggregator.status().state, "idle");
  assertEquals(aggregator.status().lagMs, 0);
  assertEquals(runs.findLast((run) => run.wokenAt !== null)?.wokenAt, 100);
});

Deno.test("a backlog too large for one fold is folded on after the gap", async () => {
  const { clock, begun, folds } = anAggregator();
  let left = 3;
  folds.answer = () => Promise.resolve({ ...FOLDED, more: --left > 0 });
  await clock.advance(1_200);
  assertEquals(begun, [1_000, 1_050, 1_100]);
});

Deno.test("run() folds now and tells its result, or the reason why it did nothing", async () => {
  const { aggregator, clock, folds } = anAggregator();
  assertEquals(await aggregator.run(), { version: 7, journalRows: 2, orders: 5, ms: 0 });
  folds.answer = () => Promise.resolve({ outcome: "locked" });
  assertEquals(await aggregator.run(), { skipped: "locked" });
  const slow = gate();
  folds.answer = () => slow.passed.then(() => FOLDED);
  const first = aggregator.run();
  await clock.settle();
  assertEquals(await aggregator.run(), { skipped: "running" });
  slow.open();
  assertEquals(await first, { version: 7, journalRows: 2, orders: 5, ms: 0 });
  folds.answer = () => Promise.reject(socketError("ECONNRESET"));
  await assertRejects(() => aggregator.run(), Error, "ECONNRESET");
});

Deno.test("stop() lets the fold under way end, starts no more, and may be called twice", async () => {
  const { aggregator, clock, begun, folds } = anAggregator();
  const slow = gate();
  folds.answer = () => slow.passed.then(() => FOLDED);
  aggregator.wake();
  await clock.advance(60);
  assertEquals(begun.length, 1);
  let stopped = false;
  const stopping = Promise.all([aggregator.stop(), aggregator.stop()]).then(() => stopped = true);
  await clock.advance(100);
  assertEquals(stopped, false);
  slow.open();
  await clock.settle();
  await stopping;
  assertEquals(aggregator.status().state, "stopped");
  aggregator.wake();
  await clock.advance(5_000);
  assertEquals(begun.length, 1);
});

Deno.test("a fold that fails is tried again with half of its entries, and success doubles them", async () => {
  const { clock, taken, folds } = anAggregator();
  folds.answer = () => Promise.reject(socketError("CONNECTION_CLOSED"));
  await clock.advance(2_000);
  const [all = 0] = taken;
  assert(taken.length > 2);
  assertEquals(taken, taken.map((_, failures) => Math.floor(all / 2 ** failures)));
  await clock.advance(200_000);
  assertEquals(taken.at(-1), 1);
  folds.answer = () => Promise.resolve({ ...FOLDED, more: true });
  const failed = taken.length;
  await clock.advance(10_000);
  assertEquals(taken.slice(failed, failed + 4), [1, 2, 4, 8]);
  assertEquals(taken.at(-1), all);
});

Deno.test("a commit cuts a long pause after failed folds short, and leaves a short one alone", async () => {
  const { aggregator, clock, begun, folds } = anAggregator();
  folds.answer = () => Promise.reject(socketError("ECONNREFUSED"));
  aggregator.wake();
  await clock.advance(8_000);
  const commits = 2_000;
  const from = begun.length;
  for (let ms = 0; ms < commits; ms += 20) {
    aggregator.wake();
    await clock.advance(20);
  }
  const tries = begun.length - from;
  assert(tries >= 3 && tries <= 5, `${tries} tries within ${commits} ms of commits`);
  folds.answer = () => Promise.resolve(FOLDED);
  const mendedAt = clock.now();
  aggregator.wake();
  await clock.advance(400);
  aggregator.wake();
  await clock.advance(200);
  assertEquals(aggregator.status().state, "idle");
  assert(begun.at(-1)! - mendedAt <= 600);
});
