/** A fold takes the rows of the journal that it can read, as many as it can add in time. */
import { assert, assertEquals, assertGreater, assertRejects } from "@std/assert";
import { commitBatch } from "../../../sql/orders/batch.ts";
import { cancelOrder } from "../../../sql/orders/cancellation.ts";
import { foldJournal } from "../../../sql/figures/fold.ts";
import { readFigures } from "../../../sql/figures/snapshots.ts";
import { fold, withPools } from "../../support/recount/folds.ts";
import { anOrder, manyLines } from "../../support/load/orders.ts";
import { toFormat1 } from "../../support/recount/journal.ts";
import { expectExact } from "../../support/recount/recount.ts";
import type { TestSql } from "../../support/services/database.ts";
import { until } from "../../support/services/services.ts";

Deno.test("a backlog is folded in bites, and asOf does not pass the rows that still wait", () =>
  withPools(async (pools, sql) => {
    const [before] = await sql<{ now: Date }[]>`select clock_timestamp() as now`;
    await commitBatch(sql, [anOrder()]);
    await sql`update journal set entries = null`; // then a row of one order counts as one
    await sql`
      with copies as (
        insert into journal (batch_id, format, written_at, orders)
        select gen_random_uuid(), format, written_at, orders
        from journal, generate_series(1, 3499) returning batch_id
      )
      insert into journal_sums
      select c.batch_id, store_ids, currencies, minutes, order_counts, units, revenue_minor,
             cancelled_orders, cancelled_revenue_minor, product_store_ids, product_currencies,
             product_days, product_skus, product_units, product_revenue_minor
      from copies c, journal_sums`;
    const bites = [await fold(pools), await fold(pools)];
    assertEquals(bites.map((bite) => [bite.journalRows, bite.more]), [[1_500, true], [
      1_500,
      true,
    ]]);
    const [waiting] = await sql<{ at: Date }[]>`select min(written_at) as at from journal`;
    assertEquals((await readFigures(pools.read, "*")).asOf, waiting!.at.toISOString());
    const last = await fold(pools);
    assertEquals([last.journalRows, last.more, last.version], [500, false, 3]);
    assert((await readFigures(pools.read, "*")).asOf >= before!.now.toISOString());
    const [sum] = await sql`select orders from rollup_days where scope = '*'`;
    assertEquals(sum?.["orders"], "3500");
  }));

Deno.test("asOf does not pass a row that a fold has not looked at", () =>
  withPools(async (pools, sql) => {
    await commitBatch(sql, [anOrder()]);
    await fold(pools);
    await commitBatch(sql, [anOrder()]);
    // More rows than a fold looks at. It looks at the first ones, and the last ones are the oldest.
    await sql`
      with copies as (
        insert into journal (batch_id, format, written_at, orders)
        select gen_random_uuid(), format, written_at - row * interval '1 millisecond', orders
        from journal, generate_series(1, 20500) as row returning batch_id
      )
      insert into journal_sums
      select c.batch_id, store_ids, currencies, minutes, order_counts, units, revenue_minor,
             cancelled_orders, cancelled_revenue_minor, product_store_ids, product_currencies,
             product_days, product_skus, product_units, product_revenue_minor
      from copies c, journal_sums`;
    await sql`update scope_versions set as_of = '2001-01-01', stores_as_of = '2001-01-01'`;
    await fold(pools);
    for (const scope of ["*", "store-1"]) {
      assertEquals((await readFigures(pools.read, scope)).asOf, "2001-01-01T00:00:00.000Z");
    }
    await fold(pools); // now it sees all that is left
    const [waiting] = await sql<{ at: Date }[]>`select min(written_at) as at from journal`;
    assertEquals((await readFigures(pools.read, "*")).asOf, waiting!.at.toISOString());
  }));

Deno.test("a bite takes as many rows as fit its entries, and at least one row", () =>
  withPools(async (pools, sql) => {
    const lines = manyLines(9);
    for (let batch = 0; batch < 7; batch++) await commitBatch(sql, [anOrder({ lines }), anOrder()]);
    const sizes = await sql<{ entries: number }[]>`select entries from journal`;
    assertEquals(new Set(sizes.map(({ entries }) => entries)), new Set([1 + 9 + 1]));
    const bites = [];
    for (const mostEntries of [33, 32, 10, 11]) {
      const bite = await foldJournal(pools.fold, null, mostEntries);
      assert(bite.outcome === "folded");
      bites.push([bite.journalRows, bite.more]);
    }
    assertEquals(bites, [[3, true], [2, true], [1, true], [1, false]]);
    await expectExact(sql);
  }));

/** Commits `batches` batches of one large order of a store, each of products of its own. */
async function makeBacklog(sql: TestSql, storeId: string, batches: number): Promise<void> {
  for (let batch = 0; batch < batches; batch++) {
    const lines = manyLines(100).map((line) => ({ ...line, sku: `${batch} ${line.sku}` }));
    await commitBatch(sql, [anOrder({ storeId, lines })]);
  }
}

Deno.test("a fold gives each store its turn, so that a backlog of one keeps no other waiting", () =>
  withPools(async (pools, sql) => {
    await makeBacklog(sql, "heavy", 20);
    await makeBacklog(sql, "medium", 2);
    await commitBatch(sql, [anOrder({ storeId: "light" })]);
    const shown = async (scope: string) => {
      const { currencies, asOf } = await readFigures(pools.read, scope);
      return { orders: currencies[0]?.today.orders ?? 0, asOf };
    };
    const [clock] = await sql<{ now: Date }[]>`select clock_timestamp() as now`;
    const now = clock!.now.toISOString();
    const bite = await foldJournal(pools.fold, null, 420);
    assert(bite.outcome === "folded" && bite.more);
    const [heavy, medium, light] = [
      await shown("heavy"),
      await shown("medium"),
      await shown("light"),
    ];
    assertEquals([heavy.orders, medium.orders, light.orders], [2, 2, 1]);
    // The stores that are up to date say so. The one that is behind, and the sum of all, do not.
    assert(light.asOf >= now && medium.asOf >= now);
    const [oldest] = await sql<{ at: Date }[]>`select min(written_at) as at from journal`;
    assertEquals(heavy.asOf, oldest!.at.toISOString());
    assertEquals((await shown("*")).asOf, heavy.asOf);
    while ((await fold(pools)).more);
    assert((await shown("heavy")).asOf >= now);
    await expectExact(sql);
  }));

Deno.test("a fold leaves half of its bite to stores with rows of their own, and lends what is idle", () =>
  withPools(async (pools, sql) => {
    for (let batch = 0; batch < 30; batch++) {
      await commitBatch(sql, [anOrder({ lines: manyLines(19) })]); // 20 entries each, shared
    }
    await makeBacklog(sql, "heavy", 3);
    const bite = await foldJournal(pools.fold, null, 400);
    assert(bite.outcome === "folded");
    const left = async () => {
      const rows = await sql<{ shared: boolean; rows: string }[]>`
        select store_id is null as shared, count(*) as rows from journal group by 1 order by 1`;
      return rows.map(({ shared, rows }) => [shared, Number(rows)]);
    };
    assertEquals(await left(), [[false, 2], [true, 20]]);
    while ((await fold(pools)).more);
    await makeBacklog(sql, "heavy", 5);
    assert((await foldJournal(pools.fold, null, 520)).outcome === "folded");
    assertEquals(await left(), []);
    await expectExact(sql);
  }));

Deno.test("a cancellation waits for its order, which may stand in a row that comes later", () =>
  withPools(async (pools, sql) => {
    for (let batch = 0; batch < 30; batch++) {
      await commitBatch(sql, [anOrder({ lines: manyLines(19) })]);
    }
    const order = anOrder({ storeId: "shop" });
    await commitBatch(sql, [order]);
    await cancelOrder(sql, { storeId: "shop", orderId: order.orderId, reason: null });
    const shown: (readonly [number, number])[] = [];
    for (let more = true; more;) {
      const bite = await foldJournal(pools.fold, null, 400);
      assert(bite.outcome === "folded");
      ({ more } = bite);
      const { today } = (await readFigures(pools.read, "shop")).currencies[0] ?? {};
      shown.push([today?.orders ?? 0, today?.cancelledOrders ?? 0]);
    }
    assertGreater(shown.length, 1);
    assertEquals(new Set(shown.map(String)), new Set(["0,0", "0,1"]));
    await expectExact(sql);
  }));

Deno.test("the mark of a fold does not pass the clock, although an earlier clock was ahead", () =>
  withPools(async (pools, sql) => {
    await commitBatch(sql, [anOrder()]);
    await fold(pools);
    await sql`update scope_versions set as_of = as_of + interval '1 hour',
              stores_as_of = stores_as_of + interval '1 hour'`;
    await commitBatch(sql, [anOrder()]);
    await fold(pools);
    const [{ now } = {}] = await sql<{ now: Date }[]>`select clock_timestamp() as now`;
    assert((await readFigures(pools.read, "*")).asOf <= now!.toISOString());
  }));

Deno.test("rows of the version before have no count of entries, and are folded", () =>
  withPools(async (pools, sql) => {
    for (let batch = 0; batch < 3; batch++) await commitBatch(sql, [anOrder(), anOrder()]);
    await sql`update journal set entries = null`;
    const bites = [await foldJournal(pools.fold, null, 4), await foldJournal(pools.fold, null, 4)];
    assertEquals(bites.map((bite) => bite.outcome === "folded" && bite.journalRows), [2, 1]);
    await expectExact(sql);
  }));

Deno.test("a fold adds thousands of products within its session's timeouts", () =>
  withPools(async (pools, sql) => {
    for (let batch = 0; batch < 60_000 / 400; batch++) {
      await commitBatch(
        sql,
        Array.from({ length: 2 }, (_, order) =>
          anOrder({
            storeId: `store-${order}`,
            lines: manyLines(200).map((line) => ({
              ...line,
              sku: `${batch} ${order} ${line.sku}`,
            })),
          })),
      );
    }
    let folds = 0;
    for (let more = true; more; folds++) ({ more } = await fold(pools));
    assertGreater(folds, 5);
    await expectExact(sql);
  }));

Deno.test("a fold leaves a journal row of an unknown format, and asOf does not pass it", () =>
  withPools(async (pools, sql) => {
    const [before] = await sql<{ now: Date }[]>`select clock_timestamp() as now`;
    const asOf = async () => (await readFigures(pools.read, "*")).asOf;
    await commitBatch(sql, [anOrder()]);
    await sql`update journal set format = 3`;
    await commitBatch(sql, [anOrder()]);
    assertEquals((await fold(pools)).orders, 1);
    const rows = await sql`select format from journal`;
    assertEquals(rows.map((row) => row["format"]), [3]);
    assert(await asOf() <= before!.now.toISOString(), "an earlier order is not in the figures");
    await until("the mark to be idle", async () => {
      const [mark] = await sql`
        select from epochs where begun_at < clock_timestamp() - interval '1.2 seconds'`;
      return mark !== undefined;
    });
    assertEquals((await fold(pools)).orders, 0, "the later fold takes no order either");
    assert(await asOf() <= before!.now.toISOString());
    await sql`update journal set format = 2`; // now this version may fold it
    assertEquals((await fold(pools)).orders, 1);
    assert(await asOf() > before!.now.toISOString());
  }));

Deno.test("a row of the version before holds its lists itself, and is folded as well", () =>
  withPools(async (pools, sql) => {
    await commitBatch(sql, [anOrder(), anOrder()]);
    await toFormat1(sql);
    await commitBatch(sql, [anOrder()]);
    const { journalRows, orders } = await fold(pools);
    assertEquals([journalRows, orders], [2, 3]);
    await expectExact(sql);
  }));

Deno.test("a fold fails when the lists of a row are gone, and the row stays", () =>
  withPools(async (pools, sql) => {
    await commitBatch(sql, [anOrder()]);
    await sql`delete from journal_sums`;
    await assertRejects(() => foldJournal(pools.fold), Error, "has no lists");
    assertEquals((await sql`select from journal`).length, 1);
  }));
