import { assert, assertEquals, assertRejects } from "@std/assert";
import { commitBatch } from "../../../sql/orders/batch.ts";
import { Pool } from "../../../sql/connection/pool.ts";
import {
  closeLetter,
  countFailure,
  parkOrder,
  readLetter,
} from "../../../sql/orders/dead_letters.ts";
import { tryOrder } from "../../../sql/orders/dry_run.ts";
import { decodeLetterCursor, listLetters } from "../../../sql/orders/letter_list.ts";
import type { NewOrder } from "../../../sql/orders/new_order.ts";
import { type TestDatabase, type TestSql, withDatabase } from "../../support/services/database.ts";
import { A_RULE, parked } from "../../support/faults/poison.ts";
import { anOrder } from "../../support/load/orders.ts";
import type { LetterState } from "../../../client/contract/dead_letter.ts";
import { flushStatistics } from "../../support/recount/statistics.ts";

function withPool(test: (database: TestDatabase, pool: Pool) => Promise<void>): Promise<void> {
  return withDatabase(async (database) => {
    const options = { name: "letters", maxConnections: 1, statementTimeoutMs: 5_000 };
    const pool = new Pool({ url: database.url, ...options });
    try {
      await test(database, pool);
    } finally {
      await pool.end();
    }
  });
}

async function pages(
  pool: Pool,
  storeId: string | null,
  limit: number,
  state: LetterState = "open",
) {
  const found: string[][] = [];
  let cursor: string | null = null;
  do {
    const at: ReturnType<typeof decodeLetterCursor> = cursor === null
      ? null
      : decodeLetterCursor(cursor);
    const page = await listLetters(pool, { storeId, state, limit, cursor: at });
    found.push(page.letters.map(({ id }) => id));
    cursor = page.nextCursor;
  } while (cursor !== null);
  return found;
}

Deno.test("listLetters() skips no letter and shows none twice, even of one millisecond", () =>
  withPool(async ({ sql }, pool) => {
    // 40 letters of two stores, four letters a microsecond: ten distinct times within 10 µs.
    await sql`
      insert into dead_letters (store_id, letter_id, order_id, content_hash, state, reason, code,
                                payload, failures, first_failed_at, last_failed_at)
      select 'store-' || n % 2, gen_random_uuid(), gen_random_uuid(), '', 'open', 'rejected',
             '23514', '{}', 1, now(), '2026-01-01T00:00:00.123450Z'::timestamptz
                                      + n / 4 * interval '1 microsecond'
      from generate_series(0, 39) n`;
    for (const storeId of [null, "store-1"]) {
      const rows = await sql<{ id: string }[]>`
        select letter_id as id from dead_letters where ${storeId}::text is null
          or store_id = ${storeId} order by last_failed_at desc, letter_id desc`;
      for (const limit of [1, 3, 10, 200]) {
        const found = await pages(pool, storeId, limit);
        assertEquals(found.flat(), rows.map(({ id }) => id));
        assert(found.slice(0, -1).every((page) => page.length === limit));
        assert(found.at(-1)!.length > 0);
      }
    }
    assertEquals(await pages(pool, null, 10, "discarded"), [[]]);
  }));

Deno.test("listLetters() reads a page from the index, however many letters there are", () =>
  withPool(async ({ sql }, pool) => {
    await sql`
      insert into dead_letters (store_id, letter_id, order_id, content_hash, state, reason, code,
                                payload, failures, first_failed_at, last_failed_at)
      select 'store-' || n % 100, gen_random_uuid(), gen_random_uuid(), '', 'open', 'rejected',
             '23514', '{}', 1, now(), now() - n * interval '1 millisecond'
      from generate_series(1, 20000) n`;
    await sql`vacuum analyze dead_letters`;
    for (const storeId of [null, "store-7"]) {
      const first = await listLetters(pool, { storeId, state: "open", limit: 100, cursor: null });
      const cursor = decodeLetterCursor(first.nextCursor!);
      const before = await reads(sql, pool);
      await listLetters(pool, { storeId, state: "open", limit: 50, cursor });
      const after = await reads(sql, pool);
      assertEquals([after.scans - before.scans, after.fetched - before.fetched], [0, 51]);
    }
  }));

/** The scans of the table and the rows fetched by its indexes, for the pool's own session too. */
async function reads(sql: TestSql, pool: Pool): Promise<{ scans: number; fetched: number }> {
  await pool.run(flushStatistics);
  const [row] = await sql<{ scans: string; fetched: string }[]>`
    select seq_scan as scans, idx_tup_fetch as fetched from pg_stat_user_tables
    where relname = 'dead_letters'`;
  return { scans: Number(row?.scans), fetched: Number(row?.fetched) };
}

Deno.test("a cursor of another maker is told from one of ours", () => {
  const id = crypto.randomUUID();
  const wrong: readonly unknown[] = [
    null,
    [],
    ["2026-01-01T00:00:00.123Z", id],
    ["2026-01-01T00:00:00.123456Z", "x"],
    ["2026-13-01T00:00:00.123456Z", id],
    ["9999-01-01T00:00:00.123456Z", id],
    ["2026-01-01T00:00:00.123456Z", id, 1],
  ];
  for (const cursor of wrong) assertEquals(decodeLetterCursor(btoa(JSON.stringify(cursor))), null);
  assertEquals(decodeLetterCursor("ä"), null);
  const lastFailedAt = "2026-01-01T00:00:00.123456Z";
  assertEquals(decodeLetterCursor(btoa(JSON.stringify([lastFailedAt, id]))), { lastFailedAt, id });
});

Deno.test("a letter is closed once, and only the replay whose commit settled it may close it after that", () =>
  withPool(async ({ sql }, pool) => {
    const closing = { by: "me", note: null, replayPayload: null };
    const order = anOrder();
    const id = await parked(sql, order);
    assertEquals(await parked(sql, order), id);
    await commitBatch(sql, [order]);
    assertEquals((await readLetter(pool, id))?.state, "settled");
    assertEquals(await closeLetter(pool, id, { ...closing, state: "discarded" }), null);
    // A replay of an order that somebody else has stored did not settle the letter.
    assertEquals(await closeLetter(pool, id, { ...closing, state: "replayed" }), null);
    const closed = await Promise.all([
      closeLetter(pool, id, { ...closing, state: "replayed" }, true),
      closeLetter(pool, id, { ...closing, state: "replayed" }, true),
    ]);
    assertEquals(closed.filter((letter) => letter?.closedBy === "me").length, 1);
    assertEquals(await closeLetter(pool, id, { ...closing, state: "discarded" }), null);

    const discarded = await parked(sql, anOrder());
    await closeLetter(pool, discarded, { ...closing, state: "discarded" });
    assertEquals(await closeLetter(pool, discarded, { ...closing, state: "replayed" }, true), null);
  }));

/** The statement by which the version without rules parks an order. */
function parkAsBefore(sql: TestSql, { storeId, orderId, contentHash }: NewOrder, code: string) {
  return sql`
    insert into dead_letters (store_id, letter_id, order_id, content_hash, state, reason, code,
                              payload, placed_at, failures, first_failed_at, last_failed_at)
    values (${storeId}, gen_random_uuid(), ${orderId}, decode(${contentHash}, 'hex'), 'open',
            'rejected', ${code}, '{}', null, 1, now(), now())
    on conflict (store_id, order_id, content_hash) where state = 'open'
    do update set failures = dead_letters.failures + 1, last_failed_at = now(),
                  reason = excluded.reason, code = excluded.code,
                  placed_at = least(dead_letters.placed_at, excluded.placed_at)`;
}

Deno.test("a letter shows the rule of its latest failure alone, also when an older version met that one", () =>
  withPool(async ({ sql }, pool) => {
    const order = anOrder();
    const letter = async () => {
      const { letters } = await listLetters(pool, {
        storeId: null,
        state: "open",
        limit: 10,
        cursor: null,
      });
      assertEquals(letters.length, 1);
      assertEquals(await readLetter(pool, letters[0]!.id), letters[0]);
      return letters[0]!;
    };
    await parkAsBefore(sql, order, "22003");
    assertEquals([(await letter()).code, (await letter()).rule], ["22003", null]);
    const parking = await parkOrder(sql, order, { reason: "rejected", rule: A_RULE });
    assertEquals([parking.isNew, (await letter()).code], [false, "23514"]);
    assertEquals((await letter()).rule, A_RULE);
    await parkAsBefore(sql, order, "22001");
    assertEquals([(await letter()).code, (await letter()).rule], ["22001", null]);
    await countFailure(pool, parking.id, "rejected", { ...A_RULE, code: "23502" });
    assertEquals((await letter()).rule?.code, "23502");
    await commitBatch(sql, [order]);
    assertEquals((await readLetter(pool, parking.id))?.rule?.code, "23502");
  }));

Deno.test("a letter of a conflict names the fields that differ, and is parked also when none can be read", () =>
  withPool(async ({ sql }) => {
    const order = anOrder({ customerRef: "ada", metadata: { a: "1" } });
    await commitBatch(sql, [order]);
    const key = { idempotencyKey: order.idempotencyKey };
    const same = { ...key, customerRef: "ada", metadata: { a: "1" } };
    const wordsOf = async (parts: Parameters<typeof anOrder>[0]) =>
      (await parkOrder(sql, anOrder(parts), { reason: "conflict" })).rule.message
        .replace("the order that is stored under this key has ", "");
    assertEquals(await wordsOf({ ...same, currency: "USD" }), "other currency");
    const lines = [{ sku: "tea", quantity: 3, unitPriceMinor: 450 }];
    assertEquals(await wordsOf({ ...same, lines }), "other lines");
    assertEquals(await wordsOf(key), "other customerRef and other metadata");
    await sql`alter table orders rename column metadata to extra`;
    assertEquals(await wordsOf({ ...key, currency: "CHF" }), "other content");
    assertEquals((await sql`select from dead_letters where state = 'open'`).length, 4);
  }));

Deno.test("a dry run leaves no trace and meets constraints that are checked at COMMIT", () =>
  withPool(async ({ sql }, pool) => {
    const order = anOrder();
    const id = await parked(sql, order);
    assertEquals(await tryOrder(pool, order), "commit");
    assertEquals((await sql`select from orders`).length, 0);
    assertEquals((await sql`select from journal`).length, 0);
    assertEquals((await readLetter(pool, id))?.state, "open");

    await sql`create table customers (name text primary key)`;
    await sql`
      alter table orders add constraint known foreign key (customer_ref) references customers
      deferrable initially deferred`;
    await assertRejects(() => tryOrder(pool, anOrder({ customerRef: "nobody" })), Error, "known");
    assertEquals(await tryOrder(pool, order), "commit");

    await sql.unsafe(`
      create function drop_it() returns trigger language plpgsql as $$ begin return null; end $$;
      create trigger dropping before insert on orders for each row execute function drop_it()`)
      .simple();
    assertEquals(await tryOrder(pool, order), "dropped");
    await sql`drop trigger dropping on orders`;

    await commitBatch(sql, [order]);
    assertEquals(await tryOrder(pool, order), "duplicate");
    const other = anOrder({ idempotencyKey: order.idempotencyKey, currency: "USD" });
    assertEquals(await tryOrder(pool, other), "mismatch");
    assertEquals((await sql`select from orders`).length, 1);
  }));

Deno.test("commitBatch() keeps the time of an order that was acknowledged before it became a dead letter", () =>
  withPool(async ({ sql }, pool) => {
    const placedAt = "2026-01-02T03:04:05.678Z";
    const [spilled, refused] = [anOrder(), anOrder()];
    const id = await parked(sql, { ...spilled, placedAt });
    await parked(sql, refused);
    // The client places the order again and is refused; a refusal acknowledges nothing.
    assertEquals(await parked(sql, spilled), id);
    assertEquals((await readLetter(pool, id))?.placedAt, placedAt);
    const stored = await commitBatch(sql, [spilled, refused, anOrder()]);
    assertEquals(stored.get(spilled.orderId)?.placedAt, placedAt);
    assert(stored.get(refused.orderId)!.placedAt > placedAt);
    const again = await commitBatch(sql, [spilled, refused]);
    for (const { orderId } of [spilled, refused]) {
      assertEquals(again.get(orderId)?.placedAt, stored.get(orderId)?.placedAt);
    }
    assertEquals((await readLetter(pool, id))?.state, "settled");
  }));

Deno.test("an order that was acknowledged with two times keeps the first", () =>
  withPool(async ({ sql }) => {
    const order = anOrder();
    const [first, second] = ["2026-01-01T00:00:00.000Z", "2026-01-02T00:00:00.000Z"];
    await parked(sql, { ...order, placedAt: first });
    const stored = await commitBatch(sql, [{ ...order, placedAt: second }]);
    assertEquals(stored.get(order.orderId)?.placedAt, first);
    const again = await commitBatch(sql, [order]);
    assertEquals(again.get(order.orderId)?.placedAt, first);
  }));
