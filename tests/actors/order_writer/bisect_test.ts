import fc from "fast-check";
import { assert, assertEquals } from "@std/assert";
import { commitApart } from "../../../actors/order_writer/bisect.ts";
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

Deno.test("commitApart() reports a row that is neither inserted nor found as a failure to try again", async () => {
  const outcome = await commitApart(() => Promise.resolve(new Map()), [anOrder()]);
  assertEquals([outcome.failure?.kind, outcome.failure?.outcome], ["contention", "none"]);
});
