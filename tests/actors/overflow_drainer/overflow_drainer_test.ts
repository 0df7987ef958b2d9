import { assertEquals, assertRejects } from "@std/assert";
import {
  drainBatch,
  DrainFailed,
  type Spilled,
} from "../../../actors/overflow_drainer/drain_batch.ts";
import { startOverflowDrainer } from "../../../actors/overflow_drainer/overflow_drainer.ts";
import { bulkOf, MAX_BATCH_BULK } from "../../../sql/orders/batch.ts";
import type { LetterCause } from "../../../sql/orders/dead_letters.ts";
import { anOrder, manyLines } from "../../support/load/orders.ts";
import {
  gate,
  ScriptedStore,
  socketError,
  sqlError,
} from "../../support/doubles/scripted_store.ts";
import { SimulatedClock } from "../../support/doubles/simulated_clock.ts";

/** An overflow that holds `orders` until they are removed. */
function aSource(orders: Spilled["order"][]) {
  const held = orders.map((order) => ({ order }));
  return {
    held,
    take: () => Promise.resolve(held.slice(0, 30)),
    remove: (entries: readonly Spilled[]) => {
      for (const entry of entries) held.splice(held.findIndex((one) => one === entry), 1);
      return Promise.resolve();
    },
    setAside: (): Promise<number> => {
      throw new Error("no order of these tests is set aside");
    },
  };
}

/** A store that keeps the key, the reason and the rule's code of each parked order. */
function aStore() {
  const store = new ScriptedStore();
  const parked: [key: string, reason: string, code: string | null][] = [];
  return {
    store,
    parked,
    drains: {
      commit: store.commit,
      park: (order: Spilled["order"], cause: LetterCause) => {
        const code = cause.reason === "rejected" ? cause.rule.code : null;
        parked.push([order.idempotencyKey, cause.reason, code]);
        return Promise.resolve("dead letter");
      },
    },
  };
}

/** Thirty orders, of which a batch may have twenty-five. */
const WIDE = Array.from({ length: 200 }, (_, index) => index + 1)
  .find((lineCount) => Math.floor(MAX_BATCH_BULK / bulkOf(lineCount)) === 25)!;
const wideOrders = () => Array.from({ length: 30 }, () => anOrder({ lines: manyLines(WIDE) }));

Deno.test("drainBatch() removes orders after their commit, and committing them twice adds none", async () => {
  const source = aSource([anOrder(), anOrder()]);
  const { store, drains } = aStore();
  store.after = () => Promise.reject(socketError("CONNECTION_CLOSED"));
  await assertRejects(() => drainBatch(source, drains, 30), DrainFailed, "CONNECTION_CLOSED");
  assertEquals([source.held.length, store.rows.size], [2, 2]);
  store.after = () => undefined;
  assertEquals(await drainBatch(source, drains, 30), {
    drained: 2,
    newOrders: 0,
    parked: 0,
    setAside: 0,
  });
  assertEquals([source.held.length, store.rows.size], [0, 2]);
});

Deno.test("drainBatch() takes no more lines than a batch may have, and leaves the rest", async () => {
  const source = aSource(wideOrders());
  const { store, drains } = aStore();
  const drained = [await drainBatch(source, drains, 30), await drainBatch(source, drains, 30)];
  assertEquals(drained.map((report) => report.drained), [25, 5]);
  assertEquals([source.held.length, store.rows.size], [0, 30]);
});

Deno.test("drainBatch() keeps refused content, and other content under a stored key, as dead letters", async () => {
  const taken = anOrder();
  const conflict = anOrder({ idempotencyKey: taken.idempotencyKey, customerRef: "other" });
  const poison = anOrder({ idempotencyKey: "poison" });
  const good = anOrder();
  const source = aSource([conflict, poison, good]);
  const { store, drains, parked } = aStore();
  await store.commit([taken]);
  store.before = (orders) =>
    orders.includes(poison) ? Promise.reject(sqlError("23514")) : undefined;
  assertEquals(await drainBatch(source, drains, 30), {
    drained: 3,
    newOrders: 1,
    parked: 2,
    setAside: 0,
  });
  assertEquals(
    parked.sort(),
    [
      [taken.idempotencyKey, "conflict", null],
      ["poison", "rejected", "23514"],
    ].sort(),
  );
  assertEquals(source.held.length, 0);
});

Deno.test("drainBatch() parks nothing and removes nothing in an outage", async () => {
  for (const code of ["42703", "42501", "53100", "57014"]) {
    const source = aSource([anOrder()]);
    const { store, drains, parked } = aStore();
    store.before = () => Promise.reject(sqlError(code));
    await assertRejects(() => drainBatch(source, drains, 30), DrainFailed, code);
    assertEquals([source.held.length, parked.length], [1, 0]);
  }
});

/** A drainer in simulated time, and its reports. */
function aDrainer(source: ReturnType<typeof aSource>, mayDrain = () => true) {
  const clock = new SimulatedClock();
  const { store, drains } = aStore();
  const told = { drained: 0, failures: [] as unknown[] };
  const drainer = startOverflowDrainer({
    source,
    store: drains,
    maxBatchOrders: 30,
    mayDrain,
    clock,
    random: () => 0.999,
    onDrained: (report) => told.drained += report.drained,
    onFailed: (error) => told.failures.push(error),
    onBug: (error) => {
      throw error;
    },
  });
  return { clock, store, drainer, told };
}

Deno.test("the drainer empties the overflow when it is woken, backs off from failures, and stops", async () => {
  const source = aSource(Array.from({ length: 35 }, () => anOrder()));
  let mayDrain = false;
  const { clock, store, drainer, told } = aDrainer(source, () => mayDrain);
  drainer.wake();
  await clock.advance(3_000);
  assertEquals(
    [told.drained, drainer.state],
    [0, "idle"],
    "nothing is drained while the database is out",
  );
  mayDrain = true;
  store.before = () => Promise.reject(socketError("ECONNREFUSED"));
  drainer.wake();
  await clock.advance(100);
  assertEquals([told.failures.length, drainer.state], [1, "backing_off"]);
  store.before = () => undefined;
  await clock.advance(2_000);
  assertEquals([told.drained, source.held.length, drainer.state], [35, 0, "idle"]);
  assertEquals(store.sent, [30, 30, 5], "only a timeout makes the next batch smaller");
  await Promise.all([drainer.stop(), drainer.stop()]);
  assertEquals(drainer.state, "stopped");
});

Deno.test("a batch that times out is tried again half as large, and success lets it grow again", async () => {
  const source = aSource(Array.from({ length: 60 }, () => anOrder()));
  const { clock, store, drainer } = aDrainer(source);
  store.before = ({ length }) => length > 10 ? Promise.reject(sqlError("57014")) : undefined;
  drainer.wake();
  await clock.advance(4_000);
  assertEquals(store.sent.slice(0, 8), [30, 15, 7, 8, 9, 10, 11, 5]);
  store.before = () => undefined;
  await clock.advance(20_000);
  assertEquals(source.held.length, 0);
  await drainer.stop();
});

Deno.test("a batch that its lines kept small is halved from its own size", async () => {
  const source = aSource(wideOrders());
  const { clock, store, drainer } = aDrainer(source);
  store.before = ({ length }) => length > 12 ? Promise.reject(sqlError("57014")) : undefined;
  drainer.wake();
  await clock.advance(1_500);
  assertEquals(store.sent.slice(0, 2), [25, 12]);
  await drainer.stop();
});

Deno.test("stop() lets the batch under way end, tells it, takes no more, and may be called twice", async () => {
  for (const fails of [false, true]) {
    const source = aSource(Array.from({ length: 35 }, () => anOrder()));
    const { clock, store, drainer, told } = aDrainer(source);
    const commit = gate();
    store.before = () => commit.passed;
    drainer.wake();
    await clock.advance(10);
    let stopped = false;
    const stopping = Promise.all([drainer.stop(), drainer.stop()]).then(() => stopped = true);
    await clock.advance(5_000);
    assertEquals([stopped, drainer.state], [false, "draining"]);
    if (fails) commit.fail(socketError("ECONNREFUSED"));
    else commit.open();
    await stopping;
    drainer.wake();
    await clock.advance(5_000);
    assertEquals([drainer.state, store.sent], ["stopped", [30]]);
    assertEquals([told.drained, told.failures.length], fails ? [0, 1] : [30, 0]);
  }
});
