import { assert, assertEquals, assertGreater, assertLess } from "@std/assert";
import { auditRollups } from "../../../../sql/figures/audit/audit.ts";
import { commitBatch } from "../../../../sql/orders/batch.ts";
import { cancelOrder } from "../../../../sql/orders/cancellation.ts";
import { type Database, openDatabase } from "../../../../sql/connection/database.ts";
import { foldJournal } from "../../../../sql/figures/fold.ts";
import type { NewOrder } from "../../../../sql/orders/new_order.ts";
import { iso } from "../../../../sql/time.ts";
import { type TestSql, withDatabase } from "../../../support/services/database.ts";
import { toFormat1 } from "../../../support/recount/journal.ts";
import { anOrder } from "../../../support/load/orders.ts";
import { WireProxy } from "../../../support/faults/wire_proxy.ts";
import type { Drift } from "../../../../client/contract/ops_runs.ts";

const HOUR_MS = 3_600_000;

interface Audited {
  readonly url: string;
  readonly sql: TestSql;
  readonly pools: Database;
  /** Audits often enough to see every bucket. @returns the drift found */
  audit(): Promise<readonly Drift[]>;
}

/**
 * Two stores have orders in several minutes and days. One order is cancelled, and all are folded.
 */
function withOrders(test: (audited: Audited) => Promise<void>): Promise<void> {
  return withDatabase(async ({ url, sql }) => {
    const pools = openDatabase({ url, statementTimeoutMs: 5_000, writeConnections: 2 });
    try {
      const [clock] = await sql<{ now: Date }[]>`select now()`;
      const placed = (hours: number, parts: Parameters<typeof anOrder>[0] = {}): NewOrder => ({
        ...anOrder(parts),
        placedAt: iso(clock!.now.getTime() - hours * HOUR_MS),
      });
      const orders = [
        placed(1),
        placed(1, { currency: "USD" }),
        placed(3),
        placed(30, { storeId: "store-2" }),
        placed(72),
        anOrder({ storeId: "store-2" }),
      ];
      await commitBatch(sql, orders);
      await cancelOrder(sql, { ...orders[0]!, reason: null });
      await foldJournal(pools.fold);
      const audit = async () => {
        const { checked, drifted } = await auditRollups(pools.audit, 200);
        assertGreater(checked, 4);
        return drifted;
      };
      await test({ url, sql, pools, audit });
    } finally {
      await pools.end();
    }
  });
}

const placesOf = (drifts: readonly Drift[]) =>
  drifts.map(({ scope, bucket, sku }) =>
    `${scope} ${bucket.length > 10 ? "minute" : "day"} ${sku}`
  );

Deno.test("correct rollups show no drift, whether the journal is folded or not", () =>
  withOrders(async ({ sql, pools, audit }) => {
    assertEquals(await audit(), []);
    await commitBatch(sql, [anOrder(), { ...anOrder(), placedAt: "2026-01-01T00:00:00.000Z" }]);
    assertEquals(await audit(), [], "rows that are still in the journal count");
    await foldJournal(pools.fold);
    assertEquals(await audit(), []);
  }));

Deno.test("an audit is skipped while folds are far behind, since it would read the whole journal", () =>
  withOrders(async ({ sql, pools }) => {
    await sql`update rollup_days set orders = orders + 1`;
    await sql`insert into journal (batch_id, format, orders)
              select gen_random_uuid(), 2, 0 from generate_series(1, 2001)`;
    const nothing = { checked: 0, drifted: [], skipped: "journal" } as const;
    assertEquals(await auditRollups(pools.audit, 50), nothing);
    await sql`delete from journal where ctid <> (select min(ctid) from journal)`;
    await sql`update journal set entries = 50001`;
    assertEquals(
      await auditRollups(pools.audit, 50),
      nothing,
      "a few rows may hold as many entries",
    );
    await sql`update journal set entries = 5001`;
    assertEquals(await auditRollups(pools.audit, 1_000), nothing, "each bucket would sum them");
    await sql`update journal set entries = 1, format = 3`;
    assertEquals(
      await auditRollups(pools.audit, 50),
      nothing,
      "a row of a newer format cannot be read here",
    );
    await sql`delete from journal`;
    assertGreater((await auditRollups(pools.audit, 50)).drifted.length, 0);
  }));

Deno.test("journal rows of both formats count as folded", () =>
  withOrders(async ({ sql, audit }) => {
    await commitBatch(sql, [anOrder(), anOrder({ storeId: "store-2", currency: "JPY" })]);
    await toFormat1(sql);
    await commitBatch(sql, [anOrder(), { ...anOrder(), placedAt: "2026-01-01T00:00:00.000Z" }]);
    assertEquals(await audit(), []);
  }));

Deno.test("an empty database shows no drift", () =>
  withDatabase(async ({ url }) => {
    const pools = openDatabase({ url, statementTimeoutMs: 5_000, writeConnections: 1 });
    assertEquals(await auditRollups(pools.audit, 10), { checked: 0, drifted: [] });
    await pools.end();
  }));

Deno.test("drift names its bucket, the sums of the orders and the sums of the rollups", () =>
  withOrders(async ({ sql, audit }) => {
    await sql`
      update rollup_minutes set orders = orders + 1, revenue_minor = revenue_minor + 900
      where scope = 'store-2' and minute < now() - interval '20 hours'`;
    const [drift, ...more] = (await audit()).filter(({ scope }) => scope === "store-2");
    assertEquals(more, []);
    const [row] = await sql<{ minute: Date }[]>`
      select minute from rollup_minutes where scope = 'store-2' order by minute`;
    assertEquals(drift, {
      scope: "store-2",
      bucket: iso(row!.minute),
      currency: "EUR",
      sku: null,
      expected: { orders: "1", revenue_minor: "900", units: "2" },
      found: { orders: "2", revenue_minor: "1800", units: "2" },
    });
  }));

const BREAKS: readonly [name: string, breaks: (sql: TestSql) => Promise<unknown>, shows: string][] =
  [
    [
      "a missing minute",
      (sql) =>
        sql`delete from rollup_minutes
            where scope = 'store-1' and minute < now() - interval '2 hours'`,
      "store-1 minute null",
    ],
    [
      "a minute without orders",
      (sql) =>
        sql`insert into rollup_minutes
            select scope, currency, minute - interval '5 hours', version, orders, units,
                   revenue_minor, cancelled_orders, cancelled_revenue_minor
            from rollup_minutes where scope = 'store-1' and currency = 'USD'`,
      "store-1 minute null",
    ],
    [
      "a cancelled order that still counts in its day",
      (sql) =>
        sql`update rollup_days set orders = orders + 1, cancelled_orders = 0
            where scope = 'store-1' and cancelled_orders > 0`,
      "store-1 day null",
    ],
    [
      "a sold product without a rollup",
      (sql) => sql`delete from rollup_products where scope = 'store-2'`,
      "store-2 day tea",
    ],
    [
      "a minute of all stores that is not their sum",
      (sql) =>
        sql`update rollup_minutes set units = units + 1
            where scope = '*' and minute < now() - interval '2 hours'`,
      "* minute null",
    ],
    [
      "a day of all stores that is not their sum",
      (sql) => sql`update rollup_days set revenue_minor = revenue_minor - 1 where scope = '*'`,
      "* day null",
    ],
    [
      "products of all stores that do not add up to their day",
      (sql) => sql`update rollup_products set units = units + 1 where scope = '*'`,
      "* day *",
    ],
  ];

for (const [name, breaks, shows] of BREAKS) {
  Deno.test(`${name} is drift`, () =>
    withOrders(async ({ sql, audit }) => {
      await breaks(sql);
      const places = placesOf(await audit());
      assert(places.includes(shows), places.join(", "));
    }));
}

Deno.test("an audit skips a minute past its horizon, and still checks its day", () =>
  withOrders(async ({ sql, audit }) => {
    const [{ count } = { count: "" }] = await sql<{ count: string }[]>`
      select count(*) from rollup_minutes where minute < now() - interval '48 hours'`;
    assertEquals(count, "0");
    await sql`
      insert into rollup_minutes
      select scope, currency, minute - interval '60 hours', version, 9, 9, 9, 9, 9
      from rollup_minutes`;
    assertEquals(await audit(), []);
    await sql`update rollup_days set orders = orders + 1 where day < now()::date - 2`;
    assertGreater((await audit()).length, 0);
  }));

const MANY_PRODUCTS = 20_000;

Deno.test("an audit of a day with very many products reads only the differences, a hundred at most", () =>
  withOrders(async ({ url, sql, pools }) => {
    const line = (product: number) => ({ sku: `p${product}`, quantity: 1, unitPriceMinor: 1 });
    const lines = Array.from({ length: MANY_PRODUCTS }, (_, product) => line(product));
    const orders = Array.from({ length: MANY_PRODUCTS / 100 }, (_, order) => ({
      ...anOrder({ storeId: "wide", lines: lines.slice(100 * order, 100 * (order + 1)) }),
      placedAt: "2026-01-01T00:00:00.000Z",
    }));
    await commitBatch(sql, orders);
    const proxy = WireProxy.to(url);
    const seen = openDatabase({
      url: proxy.through(url),
      statementTimeoutMs: 5_000,
      writeConnections: 1,
    });
    try {
      let replied = 0;
      proxy.onReply = (text) => void (replied += text.length);
      const day = { scope: "wide", bucket: "2026-01-01" };
      const audit = () => auditRollups(seen.audit, 0, Math.random, [day]);
      assertEquals((await audit()).drifted, [], "in the journal");
      while ((await sql`select from journal`).length > 0) await foldJournal(pools.fold);
      assertEquals((await audit()).drifted, [], "folded");
      assertLess(replied, MANY_PRODUCTS);
      await sql`update rollup_products set units = units + 1 where scope = 'wide'`;
      const { drifted } = await audit();
      assertEquals(drifted.length, 100);
      assertEquals([drifted[0]!.sku, drifted[1]!.sku], ["p0", "p1"]);
    } finally {
      await seen.end();
      await proxy.close();
    }
  }));
