import fc from "fast-check";
import { assert, assertEquals } from "@std/assert";
import { type Commit, commitApart } from "../../../actors/order_writer/bisect.ts";
import { anOrder } from "../../support/load/orders.ts";
import { ScriptedStore, socketError, sqlError } from "../../support/doubles/scripted_store.ts";

Deno.test("commitApart() needs at most 2k⌈log₂ n⌉ + 1 transactions for k orders at fault among n", async () => {
  const faults = fc.uniqueArray(fc.nat(199), { maxLength: 12 });
  await fc.assert(fc.asyncProperty(fc.integer({ min: 1, max: 200 }), faults, async (n, indexes) => {
    const orders = Array.from({ length: n }, () => anOrder());
    const atFault = new Set(indexes.flatMap((index) => orders[index]?.orderId ?? []));
    const store = new ScriptedStore();
    store.before = (batch) =>
      batch.some(({ orderId }) => atFault.has(orderId))
        ? Promise.reject(sqlError("23514"))
        : undefined;
    const outcome = await commitApart(store.commit, orders);
    assertEquals(new Set(outcome.atFault.keys()), atFault);
    assertEquals(outcome.stored.size, n - atFault.size);
    assertEquals(outcome.failure, null);
    const most = 2 * atFault.size * Math.ceil(Math.log2(n)) + 1;
    assert(store.sent.length <= most, `${store.sent.length} transactions, ${most} at the most`);
  }));
});

Deno.test("commitApart() ends at a fault of the database, and tells sent orders from unsent ones", async () => {
  const orders = Array.from({ length: 8 }, () => anOrder());
  const store = new ScriptedStore();
  store.before = ({ length }) =>
    Promise.reject(length > 4 ? sqlError("22001") : socketError("CONNECTION_CLOSED"));
  const outcome = await commitApart(store.commit, orders);
  assertEquals(outcome.failure?.outcome, "unknown");
  assertEquals(outcome.failed, new Set(orders.slice(0, 4).map(({ orderId }) => orderId)));
  assertEquals([outcome.stored.size, outcome.atFault.size], [0, 0]);
});

Deno.test("commitApart() finds an order that is dropped alone each time, and takes one that is there the second time", async () => {
  const [dropped, late, good] = [anOrder(), anOrder(), anOrder()];
  const store = new ScriptedStore();
  const sent: number[] = [];
  const commit: Commit = async (orders) => {
    sent.push(orders.length);
    const rows = await store.commit(orders.filter((order) => order !== dropped));
    return new Map([...rows].filter(([id]) => id !== late.orderId || orders.length === 1));
  };
  const outcome = await commitApart(commit, [dropped, late, good]);
  assertEquals([...outcome.atFault.values()].map(({ code }) => code), ["not_stored"]);
  assertEquals([...outcome.stored.keys()].sort(), [late.orderId, good.orderId].sort());
  assertEquals([outcome.failure, sent], [null, [3, 1, 1]]);
});

Deno.test("commitApart() parks nothing that was dropped before the database went away", async () => {
  const orders = [anOrder(), anOrder()];
  const commit: Commit = ({ length }) =>
    length === 1 ? Promise.reject(socketError("ECONNREFUSED")) : Promise.resolve(new Map());
  const { atFault, failure, failed } = await commitApart(commit, orders);
  assertEquals([atFault.size, failure?.code, failed.size], [0, "ECONNREFUSED", 1]);
});
