import { assert, assertEquals } from "@std/assert";
import { commitBatch } from "../../../sql/orders/batch.ts";
import { cancelOrder } from "../../../sql/orders/cancellation.ts";
import { openDatabase } from "../../../sql/connection/database.ts";
import { foldJournal } from "../../../sql/figures/fold.ts";
import { readFigures } from "../../../sql/figures/snapshots.ts";
import { withDatabase } from "../../support/services/database.ts";
import { anOrder } from "../../support/load/orders.ts";
import { expectExact } from "../../support/recount/recount.ts";

Deno.test("cancelOrder() takes an order out of its own minute, day and products, and counts it as cancelled", () =>
  withDatabase(async ({ url, sql }) => {
    const pools = openDatabase({ url, statementTimeoutMs: 5_000, writeConnections: 2 });
    const [kept, gone] = [anOrder(), { ...anOrder(), placedAt: "2026-11-19T10:00:30.000Z" }];
    const today = anOrder({ lines: [{ sku: "cup", quantity: 3, unitPriceMinor: 500 }] });
    await commitBatch(sql, [kept, gone, today]);
    await foldJournal(pools.fold);
    for (const { storeId, orderId } of [gone, today]) {
      const first = await cancelOrder(sql, { storeId, orderId, reason: "too late" });
      assert(first !== null && !first.replayed);
      await expectExact(sql);
      const again = await cancelOrder(sql, { storeId, orderId, reason: "once more" });
      assertEquals(again, { cancelledAt: first.cancelledAt, replayed: true });
    }
    await foldJournal(pools.fold);
    await expectExact(sql);
    const [eur] = (await readFigures(pools.read, "store-1")).currencies;
    assertEquals(eur?.today, {
      orders: 1,
      units: "2",
      revenueMinor: "900",
      cancelledOrders: 1,
      cancelledRevenueMinor: "1500",
    });
    assertEquals(eur?.topProducts.map(({ sku }) => sku), ["tea"], "rows of zero are left out");
    await pools.end();
  }));

Deno.test("cancelOrder() called many times at once takes the order out once", () =>
  withDatabase(async ({ sql }) => {
    const order = anOrder();
    await commitBatch(sql, [order]);
    const { storeId, orderId } = order;
    const results = await Promise.all(
      Array.from({ length: 8 }, () => cancelOrder(sql, { storeId, orderId, reason: null })),
    );
    assertEquals(results.filter((result) => result?.replayed === false).length, 1);
    assertEquals(new Set(results.map((result) => result?.cancelledAt)).size, 1);
    await expectExact(sql);
    const other = anOrder();
    const missing = { storeId, orderId: other.orderId, reason: null };
    assertEquals(await cancelOrder(sql, missing), null);
  }));

Deno.test("an order that is committed while it is being cancelled is cancelled in either order", () =>
  withDatabase(async ({ sql, session }) => {
    const late = session();
    for (let round = 0; round < 20; round++) {
      const order = anOrder();
      await late`begin`;
      await commitBatch(late, [order]);
      // The first statement cannot see the order yet. The second can, if the commit comes between.
      const cancelling = cancelOrder(sql, { ...order, reason: null });
      await late`commit`;
      const cancelled = await cancelling ?? await cancelOrder(sql, { ...order, reason: null });
      assertEquals(cancelled?.replayed, false);
    }
    assertEquals((await sql`select from orders where cancelled_at is not null`).length, 20);
  }));
