import { assert, assertEquals, assertLessOrEqual } from "@std/assert";
import currencyCodes from "currency-codes";
import { MAX_FRAME_BYTES } from "../../../server/live/snapshot.ts";
import { commitBatch } from "../../../sql/orders/batch.ts";
import { type Database, openDatabase } from "../../../sql/connection/database.ts";
import { foldJournal } from "../../../sql/figures/fold.ts";
import { DETAILED_CURRENCIES, readFigures, readNewest } from "../../../sql/figures/snapshots.ts";
import { MINUTE_MS } from "../../../sql/time.ts";
import { type TestSql, withDatabase } from "../../support/services/database.ts";
import { anOrder } from "../../support/load/orders.ts";
import { recountCurrencies } from "../../support/recount/recounted_currencies.ts";

function withPools(test: (pools: Database, sql: TestSql) => Promise<void>) {
  return withDatabase(async ({ url, sql }) => {
    const pools = openDatabase({ url, statementTimeoutMs: 5_000, writeConnections: 2 });
    try {
      await test(pools, sql);
    } finally {
      await pools.end();
    }
  });
}

Deno.test("readFigures() of an empty database gives version 0, an epoch and no currencies", () =>
  withPools(async (pools) => {
    const figures = await readFigures(pools.read, "*");
    assertEquals([figures.version, figures.epoch, figures.currencies], [0, 1, []]);
    assert(figures.asOf <= figures.readAt);
    const newest = await readNewest(pools.read);
    assertEquals([newest.epoch, newest.version], [1, 0]);
  }));

Deno.test("a scope keeps its version while other scopes change, and names the newest fold", () =>
  withPools(async (pools, sql) => {
    const place = async (storeId: string) => {
      await commitBatch(sql, [anOrder({ storeId })]);
      await foldJournal(pools.fold);
    };
    const read = async (scope: string) => {
      const { version, fold } = await readFigures(pools.read, scope);
      return [version, fold];
    };
    await place("store-1");
    assertEquals(await read("store-1"), [1, 1]);
    await place("store-2");
    await place("store-2");
    assertEquals([await read("store-1"), await read("store-2"), await read("*")], [
      [1, 3],
      [3, 3],
      [3, 3],
    ]);
    assertEquals(await read("no-such-store"), [0, 3]);
  }));

Deno.test("a snapshot has the day, the last hour by minute, and the best products by revenue", () =>
  withPools(async (pools, sql) => {
    const [clock] = await sql<{ now: Date }[]>`select now() as now`;
    const at = (minutesAgo: number) =>
      new Date(clock!.now.getTime() - minutesAgo * MINUTE_MS).toISOString();
    const lines = (sku: string, unitPriceMinor: number) => [{ sku, quantity: 1, unitPriceMinor }];
    await commitBatch(sql, [
      { ...anOrder({ lines: lines("old", 7) }), placedAt: at(75) },
      { ...anOrder({ lines: lines("edge", 20) }), placedAt: at(59) },
      { ...anOrder({ lines: lines("b", 30) }), placedAt: at(5) },
      { ...anOrder({ lines: lines("a", 30) }), placedAt: at(5) },
      { ...anOrder({ lines: lines("free", 0) }), placedAt: at(0) },
      anOrder({ currency: "USD", storeId: "store-2", lines: lines("us", 99) }),
    ]);
    await foldJournal(pools.fold);
    const { currencies, minute } = await readFigures(pools.read, "*");
    assertEquals(currencies.map(({ currency }) => currency), ["EUR", "USD"]);
    const [eur] = currencies;
    assertEquals(eur?.last60m.orders, 4);
    assertEquals(eur?.last60m.revenueMinor, "80");
    assertEquals(eur?.minutes.length, 60);
    assertEquals(eur?.minutes.at(-1)?.minute, minute);
    assertEquals(eur?.minutes.map((sums) => sums.orders).reduce((a, b) => a + b), 4);
    assertEquals(eur?.minutes[0]?.orders, 1);
    assertEquals(eur?.minutes[54]?.revenueMinor, "60");
    const sameDay = at(75).slice(0, 10) === at(0).slice(0, 10);
    if (sameDay) {
      assertEquals(eur?.today, {
        orders: 5,
        units: "5",
        revenueMinor: "87",
        cancelledOrders: 0,
        cancelledRevenueMinor: "0",
      });
      const skus = eur?.topProducts.map(({ sku }) => sku);
      assertEquals(skus, ["a", "b", "edge", "old", "free"], "by revenue, then by sku");
    }
    const store = await readFigures(pools.read, "store-2");
    assertEquals(store.currencies.map(({ currency }) => currency), ["USD"]);
    assertEquals((await readFigures(pools.read, "no-such-store")).currencies, []);
  }));

Deno.test("a snapshot shows the ten best products, and * adds up equal skus of two stores", () =>
  withPools(async (pools, sql) => {
    const orders = Array.from(
      { length: 12 },
      (_, index) =>
        ["store-1", "store-2"].map((storeId) =>
          anOrder({
            storeId,
            lines: [{ sku: `sku-${index}`, quantity: 1, unitPriceMinor: index * 10 }],
          })
        ),
    );
    await commitBatch(sql, orders.flat());
    await foldJournal(pools.fold);
    const all = (await readFigures(pools.read, "*")).currencies[0]!.topProducts;
    assertEquals(all.length, 10);
    assertEquals(all[0], { sku: "sku-11", units: "2", revenueMinor: "220" });
    const one = (await readFigures(pools.read, "store-2")).currencies[0]!.topProducts;
    assertEquals(one[0], { sku: "sku-11", units: "1", revenueMinor: "110" });
  }));

Deno.test("a snapshot's sums past the safe range are exact to the last digit", () =>
  withPools(async (pools, sql) => {
    const dear = [{ sku: "x", quantity: 9_007, unitPriceMinor: 10 ** 12 }];
    await commitBatch(sql, Array.from({ length: 3 }, () => anOrder({ lines: dear })));
    await foldJournal(pools.fold);
    const [eur] = (await readFigures(pools.read, "*")).currencies;
    assertEquals(eur?.last60m.revenueMinor, "27021000000000000");
    assertEquals(eur?.topProducts[0]?.revenueMinor, "27021000000000000");
  }));

Deno.test("a snapshot has version, asOf and figures of one moment while folds run", () =>
  withPools(async (pools, sql) => {
    const ordersAt = new Map<number, number>();
    let folded = 0;
    let done = false;
    const fold = async () => {
      for (let round = 0; round < 60; round++) {
        await commitBatch(sql, [anOrder(), anOrder()]);
        const result = await foldJournal(pools.fold);
        assert(result.outcome === "folded");
        folded += result.orders;
        ordersAt.set(result.version, folded);
      }
      done = true;
    };
    const seen: { version: number; orders: number; asOf: string }[] = [];
    const read = async () => {
      while (!done) {
        const { version, fold, asOf, currencies } = await readFigures(pools.read, "store-1");
        assertEquals(fold, version, "every fold here changes this scope");
        seen.push({ version, asOf, orders: currencies[0]?.last60m.orders ?? 0 });
      }
    };
    await Promise.all([fold(), read(), read(), read()]);
    assert(seen.length > 30, `only ${seen.length} snapshots were read meanwhile`);
    const asOfs = new Map<number, string>();
    for (const { version, orders, asOf } of seen) {
      assertEquals(orders, ordersAt.get(version) ?? 0, `figures of version ${version}`);
      assertEquals(asOf, asOfs.get(version) ?? asOf, `asOf of version ${version}`);
      asOfs.set(version, asOf);
    }
  }));

/** Every currency that an order may have. */
const CODES = currencyCodes.codes();

Deno.test("a snapshot has minutes of the busiest currencies, and the sums of each exactly", () =>
  withPools(async (pools, sql) => {
    const name = (index: number) => `${index}`.padEnd(64, "貨");
    const lines = Array.from({ length: 10 }, (_, index) => ({
      sku: name(index),
      quantity: 1_000_000,
      unitPriceMinor: 100_000_000,
    }));
    await commitBatch(sql, CODES.map((currency) => anOrder({ currency, lines })));
    const busy = CODES.slice(-DETAILED_CURRENCIES);
    await commitBatch(sql, busy.map((currency) => anOrder({ currency })));
    await foldAll(pools);
    const figures = await readFigures(pools.read, "*");
    const { currencies } = figures;
    assertEquals(currencies, markLeftOut(await recountCurrencies(sql, "*", figures.minute), busy));
    const detailed = currencies.filter(({ hasDetail }) => hasDetail);
    assertEquals(detailed.map(({ currency }) => currency), busy.toSorted());
    const bytes = new TextEncoder().encode(JSON.stringify(figures)).length;
    assertLessOrEqual(bytes, MAX_FRAME_BYTES);
  }));

Deno.test("a snapshot has no minutes of a currency without an order in the hour, and its day", () =>
  withPools(async (pools, sql) => {
    await commitBatch(sql, [anOrder(), anOrder({ currency: "USD" })]);
    await foldAll(pools);
    await sql`update rollup_minutes set minute = minute - interval '60 minutes'
              where currency = 'USD'`;
    const { currencies } = await readFigures(pools.read, "*");
    assertEquals(
      currencies.map(({ currency, today, last60m, minutes, topProducts, hasDetail }) => [
        currency,
        today.orders,
        last60m.orders,
        minutes.length,
        topProducts.length,
        hasDetail,
      ]),
      [["EUR", 1, 1, 60, 1, true], ["USD", 1, 0, 0, 1, true]],
    );
  }));

/** The figures as they are sent when only these currencies have their detail. */
function markLeftOut(
  currencies: Awaited<ReturnType<typeof recountCurrencies>>,
  detailed: readonly string[],
) {
  return currencies.map((figures) =>
    detailed.includes(figures.currency)
      ? figures
      : { ...figures, hasDetail: false, minutes: [], topProducts: [] }
  );
}

async function foldAll(pools: Database): Promise<void> {
  for (let more = true; more;) {
    const result = await foldJournal(pools.fold);
    assert(result.outcome === "folded");
    more = result.more;
  }
}
