/** Pages of lists: bounded in rows and in bytes, and nothing past a page is read. */
import { assert, assertEquals, assertGreater, assertLess, assertLessOrEqual } from "@std/assert";
import { commitBatch } from "../../../sql/orders/batch.ts";
import { parkOrder } from "../../../sql/orders/dead_letters.ts";
import { decodeLetterCursor, listLetters } from "../../../sql/orders/letter_list.ts";
import type { NewOrder } from "../../../sql/orders/new_order.ts";
import { decodeOrderCursor, listOrders } from "../../../sql/orders/orders.ts";
import { MAX_PAGE_BYTES, pageOf } from "../../../sql/orders/page.ts";
import { A_RULE } from "../../support/faults/poison.ts";
import { largestOrder } from "../../support/load/large/orders.ts";
import { anOrder } from "../../support/load/orders.ts";
import { withPools } from "../../support/recount/folds.ts";
import { flushStatistics } from "../../support/recount/statistics.ts";

const ORDERS = 40;
const LIMIT = 200;

/** All pages of a list: the bytes of each as JSON, and the ids in their order. */
async function walk(
  read: (cursor: string | null) => Promise<{ ids: string[]; nextCursor: string | null }>,
) {
  const pages: { readonly ids: string[]; readonly bytes: number }[] = [];
  let cursor: string | null = null;
  do {
    const page = await read(cursor);
    pages.push({ ids: page.ids, bytes: new TextEncoder().encode(JSON.stringify(page)).length });
    cursor = page.nextCursor;
  } while (cursor !== null);
  return pages;
}

/** Checks that pages of large items are cut by their bytes, and nothing is missing or doubled. */
function expectCut(pages: Awaited<ReturnType<typeof walk>>, ids: readonly string[]): void {
  assertGreater(pages.length, 2);
  for (const { bytes } of pages) assertLessOrEqual(bytes, MAX_PAGE_BYTES);
  for (const { bytes } of pages.slice(0, -1)) assertGreater(bytes, 0.6 * MAX_PAGE_BYTES);
  const seen = pages.flatMap((page) => page.ids);
  assertEquals(new Set(seen).size, seen.length);
  assertEquals(seen.toSorted(), ids.toSorted());
}

Deno.test("listOrders() cuts a page of large orders at its bytes, and skips none", () =>
  withPools(async ({ read }, sql) => {
    const orders = Array.from({ length: ORDERS }, largestOrder);
    for (const order of orders) await commitBatch(sql, [order]);
    const pages = await walk(async (text) => {
      const cursor = text === null ? null : decodeOrderCursor(text);
      const options = { storeId: "store-1", limit: LIMIT, cursor, status: null };
      const page = await listOrders(read, options);
      return { ...page, ids: page.orders.map(({ orderId }) => orderId) };
    });
    expectCut(pages, orders.map(({ orderId }) => orderId));
  }));

Deno.test("listLetters() cuts a page of large letters at its bytes, and skips none", () =>
  withPools(async ({ read }, sql) => {
    const ids: string[] = [];
    for (let made = 0; made < ORDERS; made++) {
      const { id } = await parkOrder(sql, largestOrder(), { reason: "rejected", rule: A_RULE });
      ids.push(id);
    }
    const pages = await walk(async (text) => {
      const cursor = text === null ? null : decodeLetterCursor(text);
      const options = { storeId: null, state: "open" as const, limit: LIMIT, cursor };
      const page = await listLetters(read, options);
      return { ...page, ids: page.letters.map(({ id }) => id) };
    });
    expectCut(pages, ids);
  }));

Deno.test("listOrders() reads no more rows than a page of large orders has, and one", () =>
  withPools(async ({ read }, sql) => {
    for (let made = 0; made < ORDERS; made++) await commitBatch(sql, [largestOrder()]);
    const fetched = async () => {
      await read.run(flushStatistics);
      const [row] = await sql<{ rows: string; scans: string }[]>`
        select idx_tup_fetch as rows, seq_scan as scans from pg_stat_user_tables
        where relname = 'orders'`;
      return { rows: Number(row?.rows), scans: Number(row?.scans) };
    };
    const options = { storeId: "store-1", limit: LIMIT, cursor: null, status: null };
    await Promise.all(Array.from({ length: 6 }, () => listOrders(read, options)));
    const before = await fetched();
    const { orders } = await listOrders(read, options);
    const after = await fetched();
    assertLess(orders.length, ORDERS);
    assertLessOrEqual(after.rows - before.rows, orders.length + 1);
    assertEquals(after.scans, before.scans);
  }));

Deno.test("listOrders() fills a page of small orders to its limit", () =>
  withPools(async ({ read }, sql) => {
    const made: NewOrder[] = Array.from({ length: 2 * LIMIT + 1 }, () => anOrder());
    await commitBatch(sql, made);
    const sizes: number[] = [];
    let cursor = null;
    do {
      const options = { storeId: "store-1", limit: LIMIT, cursor, status: null };
      const { orders, nextCursor } = await listOrders(read, options);
      sizes.push(orders.length);
      cursor = nextCursor === null ? null : decodeOrderCursor(nextCursor);
    } while (cursor !== null);
    assertEquals(sizes, [LIMIT, LIMIT, 1]);
  }));

Deno.test("pageOf() has the first row whatever its size, and tells that there may be more", () => {
  const past = { bytes: MAX_PAGE_BYTES + 1 };
  assertEquals(pageOf([past], LIMIT), { page: [past], hasMore: true });
  const [small, next] = [{ bytes: 9 }, { bytes: 10 }];
  assertEquals(pageOf([small, past], LIMIT), { page: [small], hasMore: true });
  assertEquals(pageOf([small, next], 2), { page: [small, next], hasMore: false });
  assertEquals(pageOf([small, next], 1), { page: [small], hasMore: true });
  assert(!pageOf([], LIMIT).hasMore);
});
