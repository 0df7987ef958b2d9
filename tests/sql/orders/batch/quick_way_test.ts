import { assert, assertEquals, assertRejects } from "@std/assert";
import { commitBatch, insertNew } from "../../../../sql/orders/batch.ts";
import { parkOrder } from "../../../../sql/orders/dead_letters.ts";
import { QuickWay } from "../../../../sql/orders/batch/quick_way.ts";
import type { NewOrder } from "../../../../sql/orders/new_order.ts";
import { testSeed } from "../../../support/faults/fault_load.ts";
import { anOrder, manyLines } from "../../../support/load/orders.ts";
import { Random } from "../../../support/load/random.ts";
import { type TestSql, withDatabase } from "../../../support/services/database.ts";

/** A clock that stands: on a slow machine no try takes long. */
const newQuickWay = () => new QuickWay(() => 0);

/** Everything that batches have stored, without times and random ids, in one order. */
async function storedBy(sql: TestSql): Promise<unknown> {
  const orders = await sql`
    select store_id, order_id, idempotency_key, currency, lines, units, total_minor, customer_ref,
           metadata, encode(content_hash, 'hex') as content_hash from orders order by 1, 2`;
  const totals = await sql`
    select j.store_id as own, j.orders, j.entries, s.*
    from journal j, lateral (
      select t.store_id, t.currency, t.order_count, t.units, t.revenue_minor, t.cancelled, t.cancelled_minor
      from journal_sums s, unnest(s.store_ids, s.currencies, s.order_counts, s.units,
        s.revenue_minor, s.cancelled_orders, s.cancelled_revenue_minor)
        as t (store_id, currency, order_count, units, revenue_minor, cancelled, cancelled_minor)
      where s.batch_id = j.batch_id) as s order by 1, 2, 3, 4, 5, 6, 7`;
  const products = await sql`
    select j.store_id as own, p.* from journal j, lateral (
      select t.* from journal_sums s, unnest(s.product_store_ids, s.product_currencies,
        s.product_skus, s.product_units, s.product_revenue_minor)
        as t (store_id, currency, sku, units, revenue_minor)
      where s.batch_id = j.batch_id) as p order by 1, 2, 3, 4, 5, 6`;
  return { orders: [...orders], totals: [...totals], products: [...products] };
}

/** Orders of one to four stores, with few or very many lines, prices up to the largest. */
function randomBatch(random: Random): NewOrder[] {
  const stores = 1 + random.int(0, 3);
  return Array.from({ length: 1 + random.int(0, 59) }, () =>
    anOrder({
      storeId: `store-${random.int(0, stores - 1)}`,
      currency: ["EUR", "JPY", "USD"][random.int(0, 2)]!,
      lines: random.int(0, 9) === 0
        ? manyLines(1 + random.int(0, 149))
        : Array.from({ length: 1 + random.int(0, 2) }, () => ({
          sku: `a "sku" \\ ${random.int(0, 5)}`,
          quantity: 1 + random.int(0, 999),
          unitPriceMinor: random.int(0, 4) === 0 ? 1_000_000_000 : random.int(0, 9999),
        })),
      ...(random.int(0, 1) === 0 ? {} : { customerRef: `null, "c" \\ ${random.int(0, 8)}` }),
    })).toSorted((a, b) => (a.orderId < b.orderId ? -1 : 1));
}

Deno.test("the quick way stores what the statement that asks about each order stores", () => {
  const random = new Random(testSeed());
  return withDatabase(({ sql }) =>
    withDatabase(async ({ sql: other }) => {
      for (let batch = 0; batch < 20; batch++) {
        const orders = randomBatch(random);
        assert(await newQuickWay().insert(sql, orders) !== null);
        await insertNew(other, orders);
        assertEquals(await storedBy(sql), await storedBy(other), `seed ${testSeed()}`);
        for (const database of [sql, other]) {
          await database`truncate orders, journal, journal_sums`;
        }
      }
    })
  );
});

Deno.test("the quick way says the time that its orders have, by the database's clock", () =>
  withDatabase(async ({ sql }) => {
    const orders = [anOrder(), anOrder()];
    const placedAt = await newQuickWay().insert(sql, orders);
    const rows = await sql`
      select distinct placed_at, date_trunc('milliseconds', committed_at) = placed_at as is_now,
             (select minutes[1] from journal_sums) = date_trunc('minute', placed_at, 'UTC') as minute,
             (select product_days[1] from journal_sums)
               = (placed_at at time zone 'UTC')::date as day from orders`;
    assertEquals([...rows], [{ placed_at: placedAt, is_now: true, minute: true, day: true }]);
  }));

Deno.test("the quick way stores nothing of a batch with a stored order, and is tried less and less", () =>
  withDatabase(async ({ sql }) => {
    const known = anOrder();
    await commitBatch(sql, [known]);
    await sql`delete from journal_sums`;
    const quickWay = newQuickWay();
    let tries = 0;
    const counting = new Proxy(sql, {
      apply: (target, self, args) => {
        tries++;
        return Reflect.apply(target, self, args);
      },
    });
    const tried: number[] = [];
    for (let batch = 0; batch < 300; batch++) {
      const before = tries;
      assertEquals(await quickWay.insert(counting, [anOrder(), known]), null);
      if (tries > before) tried.push(batch);
    }
    assertEquals(tried, [0, 2, 5, 10, 19, 36, 69, 134, 199, 264]);
    assertEquals([...await sql`select count(*)::int from orders`], [{ count: 1 }]);
    assertEquals([...await sql`select from journal_sums`], []);
    for (let batch = 0; batch < 64; batch++) await quickWay.insert(sql, [anOrder()]);
    assert(await quickWay.insert(sql, [anOrder()]) !== null, "it is tried again");
    assert(await quickWay.insert(sql, [anOrder()]) !== null, "and each time after a good one");
  }));

Deno.test("the quick way is left alone for 64 batches after a try that took long, even a good one", () =>
  withDatabase(async ({ sql }) => {
    let now = 0;
    let tripMs = 151;
    const quickWay = new QuickWay(() => now);
    const far = new Proxy(sql, {
      apply: (target, self, args) => {
        now += tripMs;
        return Reflect.apply(target, self, args);
      },
    });
    const took: number[] = [];
    for (let batch = 0; batch < 133; batch++) {
      if (batch === 130) tripMs = 1;
      if (await quickWay.insert(far, [anOrder()]) !== null) took.push(batch);
    }
    assertEquals(took, [0, 65, 130, 131, 132]);
  }));

Deno.test("the quick way leaves an order with an open dead letter to the other statement", () =>
  withDatabase(async ({ sql }) => {
    const order = anOrder();
    const rule = {
      code: "23514",
      message: "it is refused",
      constraint: null,
      column: null,
      table: null,
      function: null,
    };
    await parkOrder(sql, order, { reason: "rejected", rule });
    assertEquals(await newQuickWay().insert(sql, [anOrder(), order]), null);
    assertEquals([...await sql`select from orders`], []);
    await commitBatch(sql, [order]);
    assertEquals([...await sql`select state from dead_letters`], [{ state: "settled" }]);
  }));

Deno.test("the quick way leaves a table with triggers to the other statement", () =>
  withDatabase(async ({ sql }) => {
    await sql`create function drop_it() returns trigger language plpgsql as
      $$ begin return null; end $$`;
    await sql`create trigger t before insert on orders for each row execute function drop_it()`;
    assertEquals(await newQuickWay().insert(sql, [anOrder()]), null);
    assertEquals([...await sql`select from journal`], []);
    await sql`drop trigger t on orders`;
    await sql`vacuum orders`; // the table forgets that it had triggers
    assert(await newQuickWay().insert(sql, [anOrder()]) !== null);
  }));

Deno.test("the quick way leaves orders that bring a time, and sums that a number cannot hold", () =>
  withDatabase(async ({ sql }) => {
    const quickWay = newQuickWay();
    assertEquals(
      await quickWay.insert(sql, [{ ...anOrder(), placedAt: "2026-01-01T00:00:00Z" }]),
      null,
    );
    assertEquals(await quickWay.insert(sql, []), null);
    const largest = () =>
      anOrder({
        lines: manyLines(200).map((line) => ({
          ...line,
          quantity: 1_000_000,
          unitPriceMinor: 45_000_000,
        })),
      });
    assertEquals(await quickWay.insert(sql, [largest(), largest()]), null);
    await commitBatch(sql, [largest(), largest()]);
    const [sums] = await sql`select revenue_minor[1]::text as revenue from journal_sums`;
    assertEquals(sums?.["revenue"], "18000000000000000");
  }));

Deno.test("a failure that is not of an order is thrown, and not tried another way", () =>
  withDatabase(async ({ session }) => {
    const readOnly = session();
    await readOnly`set default_transaction_read_only = on`;
    const error = await assertRejects(() => newQuickWay().insert(readOnly, [anOrder()]));
    assertEquals((error as Error & { code: string }).code, "25006");
  }));
