/** The cost of dashboards with many stores or many products: the reads, and their time. */
import { assertEquals, assertGreater, assertLess } from "@std/assert";
import { commitBatch } from "../../../sql/orders/batch.ts";
import { cancelOrder } from "../../../sql/orders/cancellation.ts";
import { type Database, openDatabase } from "../../../sql/connection/database.ts";
import { foldJournal } from "../../../sql/figures/fold.ts";
import { readFigures } from "../../../sql/figures/snapshots.ts";
import { type TestDatabase, withDatabase } from "../../support/services/database.ts";
import { report } from "../../support/faults/fault_run.ts";
import { quantileOf } from "../../support/recount/history.ts";
import { type InstanceTest, withInstance } from "../../support/services/instance.ts";
import { LiveFeed } from "../../support/load/live_feed.ts";
import { anOrder } from "../../support/load/orders.ts";
import { StatementCount } from "../../support/recount/statement_count.ts";
import { WireProxy } from "../../support/faults/wire_proxy.ts";

const WATCHED = 10;
const SUBSCRIBERS_EACH = 3;
const STORES = 10_000;
/** The orders of one batch. One fold takes their sums, so it changes the watched stores once. */
const AT_ONCE = 700;
const FOLDS = 10;
const PRODUCTS = 1_000_000;
/** The number of best products that one fold changes. */
const CHANGED = 100;
const FOLDS_UNDER_SNAPSHOT = 300;
const READS = 50;

/** The statement that reads a scope's figures. */
const SNAPSHOT = /FROM rollup_minutes r, clock/;

const storeOf = (index: number) => `store-${index}`;

/** Runs `use` with the pools of an instance. */
async function withPools(
  { url }: TestDatabase,
  use: (pools: Database) => Promise<void>,
): Promise<void> {
  const pools = openDatabase({ url, statementTimeoutMs: 30_000, writeConnections: 1 });
  try {
    await use(pools);
  } finally {
    await pools.end();
  }
}

/** Commits an order for each of `stores`, in one batch. */
async function commitFor({ write }: Database, stores: readonly number[]): Promise<void> {
  const orders = stores.map((index) => anOrder({ storeId: storeOf(index) }));
  await write.run((sql) => commitBatch(sql, orders));
}

/** Times `reads` reads of `scope`, in milliseconds. */
async function timeReads({ read }: Database, scope: string, reads = READS) {
  const times: number[] = [];
  for (let index = 0; index < reads; index++) {
    const begunAt = performance.now();
    await readFigures(read, scope);
    times.push(performance.now() - begunAt);
  }
  return { p50: quantileOf(times, 0.5), max: quantileOf(times, 1) };
}

/** Runs `test` with an instance that folds only when asked, and a count of its snapshot reads. */
async function withCountedReads(
  test: (instance: InstanceTest, reads: StatementCount, wire: WireProxy) => Promise<void>,
): Promise<void> {
  let wire: WireProxy | undefined;
  const reads = new StatementCount(SNAPSHOT);
  const reach = (url: string) => {
    wire ??= WireProxy.to(url);
    wire.onRequest = reads.look;
    return wire.through(url);
  };
  try {
    await withInstance((instance) => test(instance, reads, wire!), {
      environment: { WEIR_AGGREGATOR_INTERVAL_MS: "3600000" },
      reach,
    });
  } finally {
    await wire?.close();
  }
}

Deno.test("10,000 stores with 10 watched ones cost as many reads as 10 stores", () =>
  withCountedReads((instance, reads, wire) =>
    withPools(instance.database, async (pools) => {
      const watched = Array.from({ length: WATCHED }, (_, index) => index);
      const feeds = watched.flatMap((index) =>
        Array.from(
          { length: SUBSCRIBERS_EACH },
          () => new LiveFeed(instance.api, { storeId: storeOf(index) }),
        )
      );
      let notices = 0;
      wire.onReply = (text) => {
        if (text.includes('"scopes":"all"')) notices++;
      };
      /** Places an order at each of `stores`, folds, and waits until the watched stores show it. */
      const fold = async (stores: readonly number[]) => {
        await commitFor(pools, stores);
        const folded = await instance.api.ops.aggregate.mutate();
        if ("skipped" in folded) throw new Error(`a fold was skipped: ${folded.skipped}`);
        await Promise.all(
          feeds.map((feed) => feed.reaches(({ version }) => version === folded.version)),
        );
      };
      const measure = async (stores: readonly number[]) => {
        const before = reads.calls;
        for (let made = 0; made < FOLDS; made++) await fold(stores);
        const perFold = (reads.calls - before) / FOLDS;
        return { perFold, readMs: await timeReads(pools, storeOf(0)) };
      };

      await fold(watched);
      const few = await measure(watched);
      assertEquals(notices, 0);
      const all = Array.from({ length: STORES }, (_, index) => index);
      for (let from = WATCHED; from < STORES; from += AT_ONCE) {
        await fold([...watched, ...all.slice(from, from + AT_ONCE)]);
      }
      const many = await measure([...watched, ...all.slice(-AT_ONCE)]);
      for (const feed of feeds) feed.end();
      report("reads a fold", { of10Stores: few, of10_000Stores: many });
      assertGreater(notices, FOLDS - 1, "notices that name no scope");
      for (const { perFold } of [few, many]) {
        assertGreater(perFold, WATCHED - 1);
        assertLess(perFold, WATCHED * 1.5, "each is read once more when the minute turns");
      }
      assertLess(many.readMs.p50, 5 * few.readMs.p50 + 5, "milliseconds");
    })
  ));

/** Inserts a million products of today, of all stores together. The last ones sell best. */
async function insertProducts({ sql }: TestDatabase): Promise<void> {
  // Near midnight the next day gets the products too, because the test may run into that day.
  await sql`
    insert into rollup_products (scope, currency, day, sku, version, units, revenue_minor)
    select distinct '*', 'EUR', ((now() + part * interval '5 minutes') at time zone 'UTC')::date,
           'sku ' || number, 0, number, number * 1000
    from generate_series(1, ${PRODUCTS}::int) as number, generate_series(0, 1) as part`;
}

/**
 * Makes some products by far the best in one fold, and cancels their order in the next. While an
 * old snapshot is open, the versions of the first fold stay in the table, and sort before the
 * products that are best now.
 */
async function changeBest({ write, fold }: Database, round: number): Promise<void> {
  const lines = Array.from({ length: CHANGED }, (_, index) => ({
    sku: `sku ${PRODUCTS - (round + index) % (2 * CHANGED)}`,
    quantity: 1,
    unitPriceMinor: 1_000_000_000_000,
  }));
  const order = anOrder({ lines });
  await write.run((sql) => commitBatch(sql, [order]));
  await foldJournal(fold);
  await write.run((sql) => cancelOrder(sql, { ...order, reason: null }));
  await foldJournal(fold);
}

Deno.test("the figures of all stores with a million products are read in far less than a second", () =>
  withDatabase((database) =>
    withPools(database, async (pools) => {
      await insertProducts(database);
      await changeBest(pools, 0);
      const figures: Record<string, { readonly p50: number; readonly max: number }> = {};
      figures["unanalyzed"] = await timeReads(pools, "*");
      await database.sql`analyze rollup_products`;
      figures["analyzed"] = await timeReads(pools, "*");
      const old = database.session();
      await old`begin isolation level repeatable read`;
      await old`select from rollup_products limit 1`;
      for (let round = 1; round <= FOLDS_UNDER_SNAPSHOT / 2; round++) {
        await changeBest(pools, round);
      }
      figures["afterFoldsUnderASnapshot"] = await timeReads(pools, "*");
      const { currencies: [euro] } = await readFigures(pools.read, "*");
      // Near midnight there are two days of products. They are alike: each change was cancelled.
      const best = await database.sql<{ sku: string }[]>`
        select sku from rollup_products
        where scope = '*' and day = (select max(day) from rollup_products)
        order by revenue_minor desc, sku limit 10`;
      assertEquals(euro?.topProducts.map(({ sku }) => sku), best.map(({ sku }) => sku));
      await old`rollback`;
      report("a million products", figures);
      for (const { max } of Object.values(figures)) assertLess(max, 500, "milliseconds");
    })
  ));
