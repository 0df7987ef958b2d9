/**
 * Orders are drained days after they were placed, by an instance whose calendar is wrong as well.
 * Each counts in the minute and the day of its own time, and its cancellation takes it from there.
 */
import { assert, assertEquals, assertGreater } from "@std/assert";
import type { WeirClient } from "../../../client/mod.ts";
import { ENTRY_FORMAT, overflowKeys } from "../../../server/overflow/scripts.ts";
import type { NewOrder } from "../../../sql/orders/new_order.ts";
import { dayOf, HOUR_MS, iso, minuteOf } from "../../../sql/time.ts";
import type { TestSql } from "../../support/services/database.ts";
import { createTestClient, KEY } from "../../support/services/instance.ts";
import { LiveFeed } from "../../support/load/live_feed.ts";
import { anInput, anOrder } from "../../support/load/orders.ts";
import { expectExact } from "../../support/recount/recount.ts";
import { recountCurrencies } from "../../support/recount/recounted_currencies.ts";
import type { TestRedis } from "../../support/services/redis.ts";
import { clockAhead, withProcesses } from "../../support/services/service_process.ts";
import { until } from "../../support/services/services.ts";

const SCOPES = ["store-1", "*"];

/** An order that was spilled at `placedAt`. */
interface Late {
  readonly order: NewOrder;
  readonly placedAt: number;
}

function lateOrder(now: number, hoursAgo: number, sku: string): Late {
  const order = anOrder({ lines: [{ sku, quantity: 3, unitPriceMinor: 700 }] });
  return { order, placedAt: now - hoursAgo * HOUR_MS };
}

/** Leaves orders in the empty overflow as an outage does, the oldest first. */
async function leaveInOverflow(
  { redis, prefix }: TestRedis,
  orders: readonly Late[],
): Promise<void> {
  const { stream, records, bytes } = overflowKeys(prefix);
  for (const { order, placedAt } of orders) {
    const [text, entry] = [JSON.stringify(order), `${placedAt}-0`];
    await redis.xadd(stream, entry, "format", ENTRY_FORMAT, "order", text);
    await redis.hset(records, order.orderId, `${entry} ${order.contentHash}`);
    await redis.incrby(bytes, text.length);
  }
}

type Sums = Readonly<Record<string, string>>;

/** The rollups of a day or a minute, by scope. */
async function rollupsAt(sql: TestSql, kind: "day" | "minute", at: string): Promise<Sums[]> {
  const rows = await sql<Record<string, string>[]>`
    select scope, orders, units, revenue_minor, cancelled_orders, cancelled_revenue_minor
    from ${sql(`rollup_${kind}s`)} where ${sql(kind)} = ${at} order by scope desc`;
  return rows.map((row) => ({ ...row }));
}

function sumsOf(orders: number, cancelled: number): Sums[] {
  return SCOPES.map((scope) => ({
    scope,
    orders: String(orders),
    units: String(3 * orders),
    revenue_minor: String(2_100 * orders),
    cancelled_orders: String(cancelled),
    cancelled_revenue_minor: String(2_100 * cancelled),
  }));
}

/** Expects that no bucket differs from its orders, and that an audit says so. */
async function expectNoDrift(sql: TestSql, { api }: WeirClient): Promise<void> {
  await expectExact(sql);
  const { checked, drifted } = await api.ops.audit.mutate({ buckets: 200 });
  assertEquals(drifted, []);
  assertGreater(checked, 0);
}

Deno.test("orders drained days late count when they were placed, and are cancelled from there", () =>
  withProcesses(async ({ database: { sql }, redis, start }) => {
    const [clock] = await sql<{ now: Date }[]>`select date_trunc('milliseconds', now()) as now`;
    const now = clock!.now.getTime();
    // Each day has one order. The youngest is within the two days for which minutes are kept.
    const late = [96, 72, 46].map((hours) => lateOrder(now, hours, `sku of ${hours} hours ago`));
    await leaveInOverflow(redis, late);

    const { url } = await start(clockAhead(HOUR_MS));
    const client = createTestClient(url, KEY);
    const feed = new LiveFeed(client.api);
    await until("the overflow to be drained", async () => {
      const { stream } = overflowKeys(redis.prefix);
      return await redis.redis.xlen(stream) === 0;
    });
    // The fold of this order follows the folds of the late orders.
    await client.api.orders.place.mutate(anInput());
    const { snapshot } = await feed.reaches(({ currencies: [eur] }) => eur?.last60m.orders === 1);
    assertEquals(snapshot.currencies, await recountCurrencies(sql, "*", snapshot.minute));
    assertEquals(snapshot.currencies[0]?.topProducts.map(({ sku }) => sku), ["tea"]);

    for (const { order, placedAt } of late) {
      const { storeId, orderId } = order;
      const stored = await client.api.orders.get.query({ storeId, orderId });
      assertEquals([stored.placedAt, stored.status], [iso(placedAt), "committed"]);
      assert(stored.committedAt !== null && Date.parse(stored.committedAt) >= now);
      assertEquals(await rollupsAt(sql, "day", dayOf(iso(placedAt))), sumsOf(1, 0));
    }
    const youngest = minuteOf(late.at(-1)!.placedAt);
    assertEquals(await rollupsAt(sql, "minute", youngest), sumsOf(1, 0));
    await expectNoDrift(sql, client);

    const before = feed.newest!.snapshot;
    const { storeId, orderId } = late[1]!.order; // three days old
    const { cancelledAt } = await client.api.orders.cancel.mutate({ storeId, orderId });
    assert(Math.abs(Date.parse(cancelledAt) - now) < HOUR_MS / 2, cancelledAt);
    const after = (await feed.reaches(({ version }) => version > before.version)).snapshot;
    assertEquals(after.currencies, await recountCurrencies(sql, "*", after.minute));
    const days = late.map(({ placedAt }) => dayOf(iso(placedAt)));
    assertEquals(await Promise.all(days.map((day) => rollupsAt(sql, "day", day))), [
      sumsOf(1, 0),
      sumsOf(0, 1),
      sumsOf(1, 0),
    ]);
    await expectNoDrift(sql, client);
    feed.end();
    await client.close();
  }));
