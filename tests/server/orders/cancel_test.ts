/** Cancelling orders: committed orders, spilled orders, and missing orders. */
import { assertEquals, assertRejects, fail } from "@std/assert";
import { errorDataOf } from "../../../client/mod.ts";
import type { Order } from "../../../client/contract/order.ts";
import { Refused } from "../../../client/contract/refused.ts";
import { createCancel } from "../../../server/orders/cancel.ts";
import { orderIdOf } from "../../../sql/orders/order_identity.ts";
import { KEY, withInstance } from "../../support/services/instance.ts";
import { anInput } from "../../support/load/orders.ts";
import { withProxy } from "../../support/services/proxied_instance.ts";
import { expectExact } from "../../support/recount/recount.ts";
import { expectRefused } from "../../support/load/refusals.ts";
import { until } from "../../support/services/services.ts";

Deno.test("a cancelled order answers the same on each cancel, and leaves the figures", () =>
  withInstance(async ({ api, database: { sql } }) => {
    const { orderId } = await api.orders.place.mutate(anInput());
    await api.orders.place.mutate(anInput());
    const order = { storeId: "store-1", orderId };
    const first = await api.orders.cancel.mutate({ ...order, reason: "changed my mind" });
    assertEquals([first.orderId, first.replayed], [orderId, false]);
    const again = await api.orders.cancel.mutate(order);
    assertEquals(again, { ...first, replayed: true });
    const read = await api.orders.get.query(order);
    assertEquals(
      [read.status, read.cancelledAt, read.cancelReason],
      ["cancelled", first.cancelledAt, "changed my mind"],
    );
    const { currencies } = await until("the fold", async () => {
      const snapshot = await api.dashboard.snapshot.query({});
      return snapshot.currencies[0]?.today.cancelledOrders === 1 ? snapshot : null;
    });
    assertEquals(currencies[0]?.today.orders, 1);
    await expectExact(sql);
    const list = await api.orders.list.query({ storeId: "store-1", status: "cancelled" });
    assertEquals(list.orders.map((one) => one.orderId), [orderId]);
  }));

Deno.test("a cancelled order placed again still answers its first answer", () =>
  withInstance(async ({ api }) => {
    const input = anInput();
    const placed = await api.orders.place.mutate(input);
    await api.orders.cancel.mutate({ storeId: "store-1", orderId: placed.orderId });
    assertEquals(await api.orders.place.mutate(input), { ...placed, replayed: true });
  }));

Deno.test("an order that is missing, malformed or another store's is not cancelled", () =>
  withInstance(async ({ url, api, createKey }) => {
    const { orderId } = await api.orders.place.mutate(anInput());
    const call = (input: unknown, token = KEY) =>
      ({ type: "mutation", path: "orders.cancel", input, token }) as const;
    const missing = orderIdOf("store-1", "no such key");
    await expectRefused(url, call({ storeId: "store-1", orderId: missing }), "not_found");
    await expectRefused(url, call({ storeId: "store-2", orderId }), "not_found");
    await expectRefused(url, call({ storeId: "store-1", orderId: "x" }), "invalid_input");
    const long = { storeId: "store-1", orderId, reason: "x".repeat(257) };
    await expectRefused(url, call(long), "invalid_input");
    const other = await createKey(["orders:write"], "store-2");
    await expectRefused(url, call({ storeId: "store-1", orderId }, other.token), "forbidden");
    assertEquals((await api.orders.get.query({ storeId: "store-1", orderId })).status, "committed");
  }));

Deno.test("a spilled order is not committed yet; while the database is away others are unavailable", () =>
  withProxy(async ({ url, api }, proxy) => {
    const committed = await api.orders.place.mutate(anInput());
    proxy.cut();
    const input = anInput();
    const spilled = await until("an order to be spilled", async () => {
      const answer = await api.orders.place.mutate(input).catch(() => null);
      return answer?.status === "spilled" ? answer : null;
    });
    const call = (orderId: string) =>
      ({
        type: "mutation",
        path: "orders.cancel",
        input: { storeId: "store-1", orderId },
        token: KEY,
      }) as const;
    await expectRefused(url, call(spilled.orderId), "not_committed_yet");
    await expectRefused(url, call(committed.orderId), "unavailable");
    await proxy.mend();
    const order = { storeId: "store-1", orderId: spilled.orderId };
    const cancelled = await until(
      "the order to be drained",
      () => api.orders.cancel.mutate(order).catch(() => null),
    );
    assertEquals(cancelled.replayed, false);
  }, { WEIR_SPILL: "auto" }));

Deno.test("a flood of cancellations is bounded, and holds up no order", () =>
  withInstance(async ({ api }) => {
    const outcomes = new Map<string, number>();
    const cancel = async (index: number) => {
      const orderId = orderIdOf("store-1", `no such key ${index}`);
      const reason = await api.orders.cancel.mutate({ storeId: "store-1", orderId })
        .then(() => "cancelled", (error) => errorDataOf(error)?.reason ?? String(error));
      outcomes.set(reason, (outcomes.get(reason) ?? 0) + 1);
    };
    const flood = Array.from({ length: 5_000 }, (_, index) => cancel(index));
    const placed = [];
    while (outcomes.size === 0 || placed.length < 5) {
      placed.push((await api.orders.place.mutate(anInput({ storeId: "store-2" }))).status);
    }
    await Promise.all(flood);
    assertEquals(new Set(placed), new Set(["committed"]));
    assertEquals([...outcomes.keys()].sort(), ["not_found", "unavailable"]);
    assertEquals((await api.ops.status.query()).writer.circuit, "closed");
  }));

Deno.test("cancel() of an order that leaves the overflow meanwhile says not_committed_yet", async () => {
  const [storeId, orderId] = ["store-1", orderIdOf("store-1", "a key")];
  const cancel = createCancel({
    attempt: (call) => call(),
    mark: () => Promise.resolve(null), // the statement ran before the order was committed
    find: () => Promise.resolve({ storeId, orderId, status: "committed" } as Order),
    onCancelled: () => fail("nothing was cancelled"),
  });
  const error = await assertRejects(() => cancel({ storeId, orderId, reason: null }), Refused);
  assertEquals(error.reason, "not_committed_yet");
});
