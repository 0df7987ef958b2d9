/** Reading orders back: one order, many orders by pages, and one order as it changes. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import type { Order } from "../../../client/mod.ts";
import { type InstanceTest, KEY, withInstance } from "../../support/services/instance.ts";
import { anInput } from "../../support/load/orders.ts";
import { withProxy } from "../../support/services/proxied_instance.ts";
import { RawSocket } from "../../support/load/raw_calls.ts";
import { expectError, expectRefused } from "../../support/load/refusals.ts";
import { until } from "../../support/services/services.ts";

const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

/** All orders of a store, page by page; `between` runs after each page. */
async function listAll(
  { api }: InstanceTest,
  limit: number,
  between: () => Promise<unknown> = () => Promise.resolve(),
): Promise<Order[]> {
  const found: Order[] = [];
  let cursor: string | null = null;
  do {
    const page: { orders: readonly Order[]; nextCursor: string | null } = await api.orders.list
      .query({ storeId: "store-1", limit, ...(cursor === null ? {} : { cursor }) });
    assert(page.orders.length <= limit);
    found.push(...page.orders);
    cursor = page.nextCursor;
    await between();
  } while (cursor !== null);
  return found;
}

Deno.test("an order is read back as it was placed", () =>
  withInstance(async ({ api }) => {
    const input = anInput({
      currency: "JPY",
      lines: [
        { sku: "grüner Tee", quantity: 3, unitPriceMinor: 0 },
        { sku: "tea 'n' \"biscuits\" \\", quantity: 1_000_000, unitPriceMinor: 9_007_199_254 },
      ],
      customerRef: "c/1; drop table orders",
      metadata: { channel: "web", emoji: "🫖", empty: "" },
    });
    const { orderId, placedAt, totalMinor } = await api.orders.place.mutate(input);
    const { committedAt, ...order } = await api.orders.get.query({ storeId: "store-1", orderId });
    assertMatch(committedAt ?? "", TIME);
    const { idempotencyKey, currency, lines, customerRef = null, metadata = {} } = input;
    assertEquals(order, {
      storeId: "store-1",
      orderId,
      idempotencyKey,
      status: "committed",
      currency,
      lines: [...lines],
      totalMinor,
      customerRef,
      metadata,
      placedAt,
      cancelledAt: null,
      cancelReason: null,
    });
    assertEquals(totalMinor, 9_007_199_254_000_000);
    assertMatch(placedAt, TIME);
    const bare = await api.orders.place.mutate(anInput());
    const read = await api.orders.get.query({ storeId: "store-1", orderId: bare.orderId });
    assertEquals([read.customerRef, read.metadata], [null, {}]);
  }));

Deno.test("pages are newest first, skip nothing and show nothing twice while orders come in", () =>
  withInstance(async (instance) => {
    const { api } = instance;
    let placed = 0;
    for (let batch = 0; batch < 20; batch++) {
      const orders = Array.from({ length: 1 + batch % 7 }, () => anInput());
      await api.orders.placeMany.mutate({ orders });
      await api.orders.place.mutate(anInput({ storeId: "store-2" }));
      placed += orders.length;
    }
    const before = await listAll(instance, 200);
    assertEquals(before.length, placed);
    for (const limit of [1, 7, 200]) {
      const paged = await listAll(instance, limit, () => api.orders.place.mutate(anInput()));
      const known = new Set(before.map(({ orderId }) => orderId));
      assertEquals(paged.filter(({ orderId }) => known.has(orderId)), before);
      assertEquals(new Set(paged.map(({ orderId }) => orderId)).size, paged.length);
    }
    const sorted = before.toSorted((a, b) =>
      `${a.placedAt} ${a.orderId}` < `${b.placedAt} ${b.orderId}` ? 1 : -1
    );
    assertEquals(before, sorted);
  }));

Deno.test("a list filters by status, has 50 orders by default, and checks its cursors", () =>
  withInstance(async ({ url, api }) => {
    await api.orders.placeMany.mutate({ orders: Array.from({ length: 60 }, () => anInput()) });
    const lengthOf = async (more: { status?: Order["status"]; storeId?: string }) =>
      (await api.orders.list.query({ storeId: "store-1", ...more })).orders.length;
    assertEquals(await lengthOf({}), 50);
    assertEquals(await lengthOf({ status: "committed" }), 50);
    assertEquals(await lengthOf({ status: "cancelled" }), 0);
    assertEquals(await lengthOf({ status: "spilled" }), 0);
    assertEquals(await lengthOf({ storeId: "nobody" }), 0);
    for (
      const more of [
        { limit: 0 },
        { limit: 201 },
        { limit: 1.5 },
        { cursor: "" },
        { cursor: "x" },
        { cursor: btoa('["2026-11-22T10:00:00.000Z","no uuid"]') },
        { cursor: btoa('["infinity","00000000-0000-5000-8000-000000000000"]') },
        { status: "new" },
        { page: 1 },
      ]
    ) {
      const input = { storeId: "store-1", ...more };
      const call = { type: "query", path: "orders.list", input, token: KEY } as const;
      await expectRefused(url, call, "invalid_input");
    }
  }));

Deno.test("onStatus tells a committed order's status and ends; a missing order is not_found", () =>
  withInstance(async ({ url, api }) => {
    const { orderId } = await api.orders.place.mutate(anInput());
    const socket = await RawSocket.open(url, KEY);
    const id = socket.subscribe("orders.onStatus", { storeId: "store-1", orderId });
    await socket.next((message) => message.id === id && message.result?.type === "stopped");
    assertEquals(
      socket.messages.filter((message) => message.id === id).map(({ result }) => result),
      [{ type: "started" }, { type: "data", data: "committed" }, { type: "stopped" }],
    );
    const none = socket.subscribe("orders.onStatus", { storeId: "store-2", orderId });
    const { error } = await socket.next(({ id, error }) => id === none && error !== undefined);
    expectError(error, "not_found");
    await socket.close();
  }));

Deno.test("an order taken while the database is away is spilled, then committed under the same id", () =>
  withProxy(async (instance, proxy) => {
    const { api, database: { sql } } = instance;
    await api.orders.place.mutate(anInput());
    await until(
      "the buffer to be proven durable",
      async () => (await api.ops.status.query()).spill.state === "ready",
    );
    proxy.cut();
    const order = anInput();
    const placed = await until("a spilled order", async () => {
      const answer = await api.orders.place.mutate(order).catch(() => null);
      return answer?.status === "spilled" ? answer : null;
    });
    const { orderId, placedAt } = placed;
    const read = () => api.orders.get.query({ storeId: "store-1", orderId });
    assertEquals((await read()).status, "spilled");
    assertEquals((await api.orders.place.mutate(order)).placedAt, placedAt);
    const seen: string[] = [];
    const { promise: over, resolve } = Promise.withResolvers<void>();
    api.orders.onStatus.subscribe({ storeId: "store-1", orderId }, {
      onData: (status) => seen.push(status),
      onComplete: resolve,
    });
    await until("the first status", () => seen.length === 1);
    await proxy.mend();
    await over;
    assertEquals(seen, ["spilled", "committed"]);
    const rows = await sql<{ placed_at: Date }[]>`
      select placed_at from orders where order_id = ${orderId}`;
    assertEquals(rows.map((row) => row.placed_at.toISOString()), [placedAt]);
    const again = await api.orders.place.mutate(order);
    assertEquals(again, { ...placed, status: "committed", replayed: true });
  }, { WEIR_SPILL: "auto" }));
