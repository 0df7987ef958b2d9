import { assertEquals } from "@std/assert";
import type { StoredOrder } from "../../../sql/orders/batch.ts";
import { commitRecalling, type OverflowRecord } from "../../../server/overflow/recall.ts";
import { anOrder } from "../../support/load/orders.ts";
import { ScriptedStore } from "../../support/doubles/scripted_store.ts";

const SPILLED_AT = "2026-11-22T09:00:00.000Z";

/** A commit beside an overflow that holds `held`. */
function aCommit(held: ReadonlyMap<string, OverflowRecord>) {
  const store = new ScriptedStore();
  const sent: (string | null)[] = [];
  const woken = { times: 0 };
  const commit = commitRecalling({
    commit: (orders) => {
      sent.push(...orders.map((order) => order.placedAt));
      return store.commit(orders);
    },
    read: (orders) => {
      const rows = new Map<string, StoredOrder>();
      for (const { orderId } of orders) {
        const row = store.rows.get(orderId);
        if (row !== undefined) rows.set(orderId, row);
      }
      return Promise.resolve(rows);
    },
    recall: () => Promise.resolve(held),
    onRecalled: () => woken.times++,
  });
  return { commit, store, sent, woken };
}

Deno.test("an order that waits in the overflow is committed as it was acknowledged, as a replay", async () => {
  const [spilled, fresh] = [anOrder(), anOrder()];
  const record = { contentHash: spilled.contentHash, placedAt: SPILLED_AT };
  const { commit, sent, woken } = aCommit(new Map([[spilled.orderId, record]]));
  const stored = await commit([spilled, fresh]);
  assertEquals(sent, [SPILLED_AT, null]);
  assertEquals(stored.get(spilled.orderId)?.isNew, false);
  assertEquals(stored.get(fresh.orderId)?.isNew, true);
  assertEquals(woken.times, 1, "its fold is not left to the interval");
});

Deno.test("content that differs from the waiting order is stored only if the database has it", async () => {
  const order = anOrder();
  const other = anOrder({ idempotencyKey: order.idempotencyKey, customerRef: "other" });
  const record = { contentHash: order.contentHash, placedAt: SPILLED_AT };
  const { commit, store } = aCommit(new Map([[order.orderId, record]]));
  assertEquals((await commit([other])).get(order.orderId), { isNew: false, ...record });
  assertEquals([store.rows.size, store.sent], [0, []]);
  await store.commit([other]);
  assertEquals((await commit([other])).get(order.orderId)?.contentHash, other.contentHash);
});

Deno.test("a batch is unchanged when the overflow is empty, also an empty batch", async () => {
  const { commit, store } = aCommit(new Map());
  await commit([anOrder(), anOrder()]);
  await commit([]);
  assertEquals(store.sent, [2, 0]);
});
