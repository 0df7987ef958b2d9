import { assert, assertEquals, assertRejects } from "@std/assert";
import { commitBatch } from "../../../sql/orders/batch.ts";
import { type JournalRow, mergeJournal } from "../../../sql/figures/journal.ts";
import { type TestSql, withDatabase } from "../../support/services/database.ts";
import { anOrder } from "../../support/load/orders.ts";
import { readJournal } from "../../support/recount/journal.ts";
import { until } from "../../support/services/services.ts";

async function journalOf(sql: TestSql): Promise<(JournalRow & { count: number })[]> {
  return (await readJournal(sql)).map((row) => ({ ...row, count: Number(row.orders) }));
}

Deno.test("commitBatch() stores a batch with one journal row of the sums of its new orders", () =>
  withDatabase(async ({ sql }) => {
    const [a, b, c] = [
      anOrder({ lines: [{ sku: "tea", quantity: 2, unitPriceMinor: 300 }] }),
      anOrder({
        lines: [
          { sku: "tea", quantity: 1, unitPriceMinor: 300 },
          { sku: "cup", quantity: 3, unitPriceMinor: 1_000 },
        ],
      }),
      anOrder({ storeId: "store-2", currency: "JPY" }),
    ];
    const stored = await commitBatch(sql, [a, b, c]);
    for (const order of [a, b, c]) {
      assertEquals(stored.get(order.orderId)?.isNew, true);
      assertEquals(stored.get(order.orderId)?.contentHash, order.contentHash);
    }
    const [row, ...more] = await journalOf(sql);
    assertEquals(more, []);
    assertEquals(row?.count, 3);
    const { minutes, products } = mergeJournal([row!]);
    const minute = stored.get(a.orderId)!.placedAt.slice(0, 16) + ":00.000Z";
    const ofStores = minutes.filter(({ scope }) => scope !== "*");
    assertEquals(
      ofStores.map((sums) => [sums.scope, sums.currency, sums.minute, sums.orders]).sort(),
      [["store-1", "EUR", minute, 2n], ["store-2", "JPY", minute, 1n]],
    );
    assertEquals(ofStores.map((sums) => [sums.units, sums.revenueMinor]).sort(), [
      [2n, 900n],
      [6n, 3_900n],
    ]);
    const sold = products.filter(({ scope }) => scope !== "*");
    assertEquals(sold.map((sums) => [sums.scope, sums.sku, sums.units, sums.revenueMinor]).sort(), [
      ["store-1", "cup", 3n, 3_000n],
      ["store-1", "tea", 3n, 900n],
      ["store-2", "tea", 2n, 900n],
    ]);
  }));

Deno.test("commitBatch() of a batch sent again adds nothing and returns the first answer", () =>
  withDatabase(async ({ sql }) => {
    const orders = [anOrder(), anOrder()];
    const first = await commitBatch(sql, orders);
    const extra = anOrder();
    const second = await commitBatch(sql, [...orders, extra]);
    for (const { orderId } of orders) {
      assertEquals(second.get(orderId), { ...first.get(orderId)!, isNew: false });
    }
    assertEquals(second.get(extra.orderId)?.isNew, true);
    assertEquals((await journalOf(sql)).map((row) => row.count).sort(), [1, 2]);
  }));

Deno.test("commitBatch() writes no journal row for known orders alone, and nothing for an empty batch", () =>
  withDatabase(async ({ sql }) => {
    const order = anOrder();
    await commitBatch(sql, [order]);
    await commitBatch(sql, [order]);
    assertEquals((await commitBatch(sql, [])).size, 0);
    assertEquals((await journalOf(sql)).length, 1);
  }));

Deno.test("a stored order keeps its first content when other content comes under its key", () =>
  withDatabase(async ({ sql }) => {
    const order = anOrder();
    const other = anOrder({ idempotencyKey: order.idempotencyKey, customerRef: "someone else" });
    assertEquals(other.orderId, order.orderId);
    await commitBatch(sql, [order]);
    const stored = await commitBatch(sql, [other]);
    assertEquals(stored.get(order.orderId)?.contentHash, order.contentHash);
    assertEquals(stored.get(order.orderId)?.isNew, false);
  }));

Deno.test("a key that another batch commits while this one waits is answered as known", () =>
  withDatabase(async ({ sql, session }) => {
    const shared = anOrder();
    const own = anOrder();
    const holder = session();
    await holder`begin`;
    await commitBatch(holder, [shared]);
    const batch = commitBatch(sql, [shared, own]);
    await until("the batch to wait for the other's row", async () => {
      const [row] = await sql<{ waiting: string }[]>`
          select count(*) as waiting from pg_locks
          where not granted and database = (select oid from pg_database
                                            where datname = current_database())
             or not granted and locktype = 'transactionid'`;
      return Number(row?.waiting) > 0;
    });
    await holder`commit`;
    const stored = await batch;
    assertEquals(stored.get(shared.orderId)?.isNew, false);
    assertEquals(stored.get(shared.orderId)?.contentHash, shared.contentHash);
    assertEquals(stored.get(own.orderId)?.isNew, true);
    assertEquals((await journalOf(sql)).map((row) => row.count), [1, 1]);
  }));

Deno.test("commitBatch() of two batches with the same keys in opposite order does not deadlock", () =>
  withDatabase(async ({ sql }) => {
    for (let round = 0; round < 20; round++) {
      const orders = Array.from({ length: 50 }, () => anOrder());
      const results = await Promise.all([
        commitBatch(sql, orders),
        commitBatch(sql, orders.toReversed()),
      ]);
      for (const { orderId } of orders) {
        const isNew = results.map((stored) => stored.get(orderId)?.isNew);
        assertEquals(isNew.sort(), [false, true], "new in exactly one of the two");
      }
    }
  }));

Deno.test("commitBatch() stores neither batch nor journal row when one order breaks a constraint", () =>
  withDatabase(async ({ sql }) => {
    await sql`alter table orders add check (customer_ref <> 'poison')`;
    const orders = [anOrder(), anOrder({ customerRef: "poison" })];
    const error = await assertRejects(() => commitBatch(sql, orders));
    assertEquals((error as Error & { code: string }).code, "23514");
    const [row] = await sql<{ count: string }[]>`select count(*) from orders`;
    assertEquals(row?.count, "0");
    assertEquals(await journalOf(sql), []);
  }));

Deno.test("placedAt is the database's time, cut to the millisecond, unless the order brings one", () =>
  withDatabase(async ({ sql }) => {
    const spilled = { ...anOrder(), placedAt: "2026-11-20T23:59:59.999Z" };
    const fresh = anOrder();
    const [before] = await sql<{ now: Date }[]>`select date_trunc('milliseconds', now()) as now`;
    const stored = await commitBatch(sql, [spilled, fresh]);
    const [after] = await sql<{ now: Date }[]>`select now() as now`;
    assertEquals(stored.get(spilled.orderId)?.placedAt, spilled.placedAt);
    const placedAt = Date.parse(stored.get(fresh.orderId)!.placedAt);
    assert(placedAt >= before!.now.getTime() && placedAt <= after!.now.getTime());
    const [row] =
      await sql`select from orders where placed_at <> date_trunc('milliseconds', placed_at)`;
    assertEquals(row, undefined);
  }));

Deno.test("inserted orders are reported even when the read of the known ones fails", () =>
  withDatabase(async ({ sql }) => {
    const [known, fresh] = [anOrder(), anOrder()];
    await commitBatch(sql, [known]);
    let statements = 0;
    const lostAfterTwo = new Proxy(sql, { // the quick way's, and the one that asks about each order
      apply: (target, self, args) =>
        ++statements <= 2
          ? Reflect.apply(target, self, args)
          : Promise.reject(new Error("the database is away")),
    });
    const stored = await commitBatch(lostAfterTwo, [known, fresh]);
    assertEquals([...stored.keys()], [fresh.orderId]);
    assertEquals(stored.get(fresh.orderId)?.isNew, true);
    statements = 0;
    await assertRejects(() => commitBatch(lostAfterTwo, [known, fresh]));
  }));

Deno.test("an empty batch fails as a full one does on a server that takes no writes", () =>
  withDatabase(async ({ sql, session }) => {
    assertEquals((await commitBatch(sql, [])).size, 0);
    const readOnly = session();
    await readOnly`set default_transaction_read_only = on`;
    const error = await assertRejects(() => commitBatch(readOnly, []));
    assertEquals((error as Error & { code: string }).code, "25006");
    const [before] = await sql`select pg_current_wal_insert_lsn() as lsn`;
    await commitBatch(sql, []);
    const [after] = await sql`select pg_current_wal_insert_lsn() > ${before!["lsn"]} as wrote`;
    assertEquals(after?.["wrote"], true, "it waits for the log to be on disk");
  }));
