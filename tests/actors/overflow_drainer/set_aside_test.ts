/** Orders that can neither be stored nor become dead letters: the others do not wait for them. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import {
  drainBatch,
  DrainFailed,
  type Spilled,
  type Stuck,
} from "../../../actors/overflow_drainer/drain_batch.ts";
import type { NewOrder } from "../../../sql/orders/new_order.ts";
import { ScriptedStore, socketError, sqlError } from "../../support/doubles/scripted_store.ts";
import { anOrder } from "../../support/load/orders.ts";

const REFUSED = "23514";
const NO_RIGHT = "42501";

/** An overflow, a store and letters; the test says which orders fail, and how. */
function aStage(orders: readonly NewOrder[]) {
  const held = orders.map((order) => ({ order }));
  const aside: Stuck<Spilled>[] = [];
  const store = new ScriptedStore();
  const letters = { refuse: (): Error | null => null, parked: [] as string[] };
  const take = (entry: Spilled) => held.splice(held.findIndex((one) => one === entry), 1);
  const source = {
    take: () => Promise.resolve([...held]),
    remove: (entries: readonly Spilled[]) => Promise.resolve(void entries.forEach(take)),
    setAside: (stuck: readonly Stuck<Spilled>[]) => {
      stuck.forEach(({ entry }) => take(entry));
      aside.push(...stuck);
      return Promise.resolve(stuck.length);
    },
  };
  const drains = {
    commit: store.commit,
    park: (order: NewOrder) => {
      const error = letters.refuse();
      if (error !== null) return Promise.reject(error);
      letters.parked.push(order.idempotencyKey);
      return Promise.resolve("dead letter");
    },
  };
  const failing = (bad: ReadonlySet<NewOrder>, error: () => Error) => {
    store.before = (batch) =>
      batch.some((order) => bad.has(order)) ? Promise.reject(error()) : undefined;
  };
  return {
    held,
    aside,
    store,
    letters,
    failing,
    drain: () => drainBatch(source, drains, 700),
    codes: () => aside.map(({ code, parkCode }) => [code, parkCode]),
  };
}

const many = (count: number) => Array.from({ length: count }, () => anOrder());

Deno.test("an order that can neither be stored nor parked is set aside, and 399 others are drained", async () => {
  const orders = many(400);
  const { drain, failing, letters, codes, held, store } = aStage(orders);
  failing(new Set([orders[5]!]), () => sqlError(REFUSED));
  letters.refuse = () => sqlError("22P05");
  assertEquals(await drain(), { drained: 399, newOrders: 399, parked: 0, setAside: 1 });
  assertEquals([codes(), held.length, store.rows.size], [[[REFUSED, "22P05"]], 0, 399]);
});

Deno.test("orders stay in the overflow, and are not set aside, while the database stores nothing", async () => {
  const orders = many(30);
  const { drain, failing, letters, aside, held, store } = aStage(orders);
  failing(new Set([orders[5]!]), () => sqlError(REFUSED));
  letters.refuse = () => {
    store.before = () => Promise.reject(socketError("ECONNREFUSED")); // it goes away just now
    return socketError("ECONNREFUSED");
  };
  await assertRejects(drain, DrainFailed, "ECONNREFUSED");
  assertEquals(
    [aside.length, held.length, store.rows.size],
    [0, 1, 29],
    "stored orders are removed",
  );
});

Deno.test("every order that cannot be parked is set aside, however many there are", async () => {
  const orders = many(40);
  const { drain, failing, letters, aside } = aStage(orders);
  failing(new Set(orders.slice(0, 10)), () => sqlError(REFUSED));
  letters.refuse = () => sqlError(NO_RIGHT);
  assertEquals(await drain(), { drained: 30, newOrders: 30, parked: 0, setAside: 10 });
  assertEquals(new Set(aside.map(({ parkCode }) => parkCode)), new Set([NO_RIGHT]));
});

Deno.test("a parking that takes too long does not make the next batch smaller", async () => {
  const orders = many(3);
  const { drain, failing, letters, codes } = aStage(orders);
  failing(new Set([orders[0]!]), () => sqlError(REFUSED));
  letters.refuse = () => sqlError("57014");
  assertEquals((await drain()).setAside, 1);
  assertEquals(codes(), [[REFUSED, "57014"]]);
});

Deno.test("an order that alone makes the database fail is set aside, and the others are drained", async () => {
  for (
    const error of [() => sqlError("XX001"), () => new TypeError("a bug")]
  ) {
    const orders = many(64);
    const { drain, failing, codes, held, letters } = aStage(orders);
    failing(new Set([orders[0]!, orders[1]!, orders[40]!]), error);
    const report = await drain();
    assertEquals([report.drained, report.parked, report.setAside], [61, 0, 3]);
    assertEquals(
      [held.length, letters.parked],
      [0, []],
      "it is no dead letter: its content may be right",
    );
    assert(codes().every(([, parkCode]) => parkCode === null));
  }
});

Deno.test("a single order that always times out is set aside, and a batch that does is left to be halved", async () => {
  const [one] = many(1);
  const alone = aStage([one!]);
  alone.failing(new Set([one!]), () => sqlError("57014"));
  assertEquals((await alone.drain()).setAside, 1);
  const orders = many(2);
  const { drain, failing, aside } = aStage(orders);
  failing(new Set(orders), () => sqlError("57014"));
  await assertRejects(drain, DrainFailed, "57014");
  assertEquals(aside.length, 0);
});

Deno.test("an error that all orders have is an outage: none is set aside, and few are tried", async () => {
  const orders = many(500);
  const { drain, failing, aside, held, store } = aStage(orders);
  failing(new Set(orders), () => sqlError("53100")); // a full disk may still take an empty batch
  await assertRejects(drain, DrainFailed, "53100");
  assertEquals([aside.length, held.length], [0, 500]);
  assert(store.sent.length < 20, `${store.sent.length} batches`);
});

Deno.test("errors that pass by themselves set nothing aside", async () => {
  for (const code of ["40001", "55P03", "25006"]) {
    const orders = many(4);
    const { drain, failing, aside, held } = aStage(orders);
    failing(new Set([orders[0]!]), () => sqlError(code));
    await assertRejects(drain, DrainFailed, code);
    assertEquals([aside.length, held.length], [0, 4]);
  }
});

Deno.test("two entries of one order are drained one after the other, the second as a conflict", async () => {
  const order = anOrder();
  const other = { ...anOrder({ customerRef: "other" }), orderId: order.orderId };
  const { drain, held, letters } = aStage([order, other]);
  assertEquals((await drain()).drained, 1);
  assertEquals(held.map((entry) => entry.order), [other]);
  assertEquals((await drain()).parked, 1);
  assertEquals(letters.parked.length, 1);
});
