import { assertEquals } from "@std/assert";
import { commitBatch } from "../../../sql/orders/batch.ts";
import { openDatabase } from "../../../sql/connection/database.ts";
import { Pool } from "../../../sql/connection/pool.ts";
import { decodeOrderCursor, listOrders, readOrder } from "../../../sql/orders/orders.ts";
import { withDatabase } from "../../support/services/database.ts";
import { anOrder } from "../../support/load/orders.ts";
import { until } from "../../support/services/services.ts";

Deno.test("readOrder() returns an order as it was placed", () =>
  withDatabase(async ({ url, sql }) => {
    const pool = new Pool({ url, name: "test", maxConnections: 1, statementTimeoutMs: 5_000 });
    const order = anOrder({ customerRef: "Zoë ☕", metadata: { till: "7", "a b": '"quoted\\"' } });
    const placedAt = (await commitBatch(sql, [order])).get(order.orderId)?.placedAt;
    const read = await readOrder(pool, "store-1", order.orderId);
    assertEquals(read?.placedAt, placedAt);
    assertEquals(read?.lines, [{ sku: "tea", quantity: 2, unitPriceMinor: 450 }]);
    assertEquals(read?.metadata, { till: "7", "a b": '"quoted\\"' });
    assertEquals([read?.customerRef, read?.totalMinor, read?.status], ["Zoë ☕", 900, "committed"]);
    assertEquals(await readOrder(pool, "store-2", order.orderId), null);
    await pool.end();
  }));

Deno.test("listOrders() skips nothing and shows nothing twice while orders come in", () =>
  withDatabase(async ({ url, sql }) => {
    const pool = new Pool({ url, name: "test", maxConnections: 1, statementTimeoutMs: 5_000 });
    const there = Array.from({ length: 25 }, () => anOrder());
    await commitBatch(sql, there); // all have one placedAt, so the id alone sorts them
    const seen: string[] = [];
    let cursor = null;
    do {
      const page = await listOrders(pool, { storeId: "store-1", limit: 7, cursor, status: null });
      seen.push(...page.orders.map((order) => order.orderId));
      await commitBatch(sql, [anOrder(), anOrder({ storeId: "store-2" })]);
      cursor = page.nextCursor === null ? null : decodeOrderCursor(page.nextCursor);
    } while (cursor !== null);
    assertEquals(seen, there.map((order) => order.orderId).sort().reverse());
    await pool.end();
  }));

Deno.test("listOrders() lists the orders of one status alone when asked", () =>
  withDatabase(async ({ url, sql }) => {
    const pool = new Pool({ url, name: "test", maxConnections: 1, statementTimeoutMs: 5_000 });
    const [kept, gone] = [anOrder(), anOrder()];
    await commitBatch(sql, [kept, gone]);
    await sql`update orders set cancelled_at = now() where order_id = ${gone.orderId}`;
    const idsOf = async (status: "committed" | "cancelled" | "spilled") => {
      const options = { storeId: "store-1", limit: 10, cursor: null, status };
      return (await listOrders(pool, options)).orders.map((order) => order.orderId);
    };
    assertEquals(await idsOf("committed"), [kept.orderId]);
    assertEquals(await idsOf("cancelled"), [gone.orderId]);
    assertEquals(await idsOf("spilled"), []);
    await pool.end();
  }));

Deno.test("a cursor of another maker is not accepted", () => {
  const forged = [
    "",
    "x",
    btoa("[]"),
    btoa(`["2026-11-22", "x"]`),
    btoa(`["2026-11-22T00:00:00.000Z", "' or true --"]`),
    btoa(`["0000-11-22T00:00:00.000Z", "${crypto.randomUUID()}"]`),
  ];
  for (const text of forged) assertEquals(decodeOrderCursor(text), null, text);
});

Deno.test("a list of cancelled orders reads cancelled orders alone", () =>
  withDatabase(async ({ url, sql }) => {
    const orders = Array.from({ length: 500 }, () => anOrder());
    await commitBatch(sql, orders);
    const gone = orders[250]!.orderId;
    await sql`update orders set cancelled_at = now() where order_id = ${gone}`;
    const pools = openDatabase({ url, statementTimeoutMs: 5_000, writeConnections: 1 });
    const options = { storeId: "store-1", limit: 10, cursor: null, status: "cancelled" } as const;
    const page = await listOrders(pools.read, options);
    assertEquals(page.orders.map(({ orderId }) => orderId), [gone]);
    await pools.end(); // a session reports its counts when it ends
    const read = await until("the count", async () => {
      const [row] = await sql<{ read: string }[]>`
        select idx_tup_read as read from pg_stat_user_indexes
        where indexrelname = 'orders_cancelled' and idx_scan > 0`;
      return row?.read;
    });
    assertEquals(read, "1");
  }));
