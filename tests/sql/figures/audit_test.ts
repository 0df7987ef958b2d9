import { assert, assertEquals, assertGreater } from "@std/assert";
import { auditRollups } from "../../../sql/figures/audit.ts";
import { commitBatch } from "../../../sql/orders/batch.ts";
import { cancelOrder } from "../../../sql/orders/cancellation.ts";
import { type Database, openDatabase } from "../../../sql/connection/database.ts";
import { foldJournal } from "../../../sql/figures/fold.ts";
import type { NewOrder } from "../../../sql/orders/new_order.ts";
import { iso } from "../../../sql/time.ts";
import { type TestSql, withDatabase } from "../../support/services/database.ts";
import { anOrder } from "../../support/load/orders.ts";
import type { Drift } from "../../../client/contract/ops_runs.ts";

const HOUR_MS = 3_600_000;

interface Audited {
  readonly sql: TestSql;
  readonly pools: Database;
  /** An audit that is large enough to see every bucket. */
  audit(): Promise<readonly Drift[]>;
}

/** Two stores with orders of some minutes and days, one of them cancelled. All are folded. */
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
      await test({ sql, pools, audit });
    } finally {
      await pools.end();
    }
  });
}

const placesOf = (drifts: readonly Drift[]) =>
  drifts.map(({ scope, bucket, sku }) =>
    `${scope} ${bucket.length > 10 ? "minute" : "day"} ${sku}`
  );

Deno.test("an audit of correct rollups finds no drift, whether the journal is folded or not", () =>
  withOrders(async ({ sql, pools, audit }) => {
    assertEquals(await audit(), []);
    await commitBatch(sql, [anOrder(), { ...anOrder(), placedAt: "2026-01-01T00:00:00.000Z" }]);
    assertEquals(await audit(), [], "what is still in the journal counts");
    await foldJournal(pools.fold);
    assertEquals(await audit(), []);
  }));

Deno.test("an audit is skipped while the journal is too long to read", () =>
  withOrders(async ({ sql, pools }) => {
    await sql`update rollup_days set orders = orders + 1`;
    await sql`insert into journal (batch_id, format, orders)
              select gen_random_uuid(), 2, 0 from generate_series(1, 2001)`;
    const nothing = { checked: 0, drifted: [], skipped: "journal" } as const;
    assertEquals(await auditRollups(pools.audit, 50), nothing);
    await sql`delete from journal where ctid <> (select min(ctid) from journal)`;
    await sql`update journal set entries = 50_001`;
    assertEquals(await auditRollups(pools.audit, 50), nothing, "a few rows may hold as much");
    await sql`update journal set entries = 1, format = 3`;
    assertEquals(
      await auditRollups(pools.audit, 50),
      nothing,
      "a newer version knows what it says",
    );
    await sql`delete from journal`;
    assertGreater((await auditRollups(pools.audit, 50)).drifted.length, 0);
  }));

Deno.test("an audit of an empty database finds no drift", () =>
  withDatabase(async ({ url }) => {
    const pools = openDatabase({ url, statementTimeoutMs: 5_000, writeConnections: 1 });
    assertEquals(await auditRollups(pools.audit, 10), { checked: 0, drifted: [] });
    await pools.end();
  }));

Deno.test("an audit names drift by its bucket, with the sums of the orders and of the rollups", () =>
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
      "a minute that is missing",
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
      "a cancellation that was not taken from its day",
      (sql) =>
        sql`update rollup_days set orders = orders + 1, cancelled_orders = 0
            where scope = 'store-1' and cancelled_orders > 0`,
      "store-1 day null",
    ],
    [
      "a product that was sold and is not there",
      (sql) => sql`delete from rollup_products where scope = 'store-2'`,
      "store-2 day tea",
    ],
    [
      "a minute of all stores that is not the sum of them",
      (sql) =>
        sql`update rollup_minutes set units = units + 1
            where scope = '*' and minute < now() - interval '2 hours'`,
      "* minute null",
    ],
    [
      "a day of all stores that is not the sum of them",
      (sql) => sql`update rollup_days set revenue_minor = revenue_minor - 1 where scope = '*'`,
      "* day null",
    ],
    [
      "products of all stores that do not add up",
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

Deno.test("an audit does not look at a minute that is no longer kept, but at its day", () =>
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
