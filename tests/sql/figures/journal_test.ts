import { assertEquals } from "@std/assert";
import { type JournalRow, mergeJournal } from "../../../sql/figures/journal.ts";

type Totals = [store: string, currency: string, minute: string, ...sums: number[]];
type Product = [store: string, currency: string, day: string, sku: string, ...sums: number[]];

/** A journal row from the entries of its lists. Missing amounts are zero. */
function aRow(totals: Totals[], products: Product[] = []): JournalRow {
  const sums = (index: number) => totals.map((entry) => BigInt(entry[index] ?? 0).toString());
  const amounts = (index: number) => products.map((entry) => BigInt(entry[index] ?? 0).toString());
  return {
    written_at: new Date(),
    orders: "1",
    store_ids: totals.map(([store]) => store),
    currencies: totals.map(([, currency]) => currency),
    minutes: totals.map(([, , minute]) => minute),
    order_counts: sums(3),
    units: sums(4),
    revenue_minor: sums(5),
    cancelled_orders: sums(6),
    cancelled_revenue_minor: sums(7),
    product_store_ids: products.map(([store]) => store),
    product_currencies: products.map(([, currency]) => currency),
    product_days: products.map(([, , day]) => day),
    product_skus: products.map(([, , , sku]) => sku),
    product_units: amounts(4),
    product_revenue_minor: amounts(5),
  };
}

const LAST = "2026-11-22 23:59:00+00";
const FIRST = "2026-11-23 00:00:00+00";
const DAY = "2026-11-22";

Deno.test("mergeJournal() makes one delta for the store and one for all stores from several batches", () => {
  const deltas = mergeJournal([
    aRow([["s1", "EUR", LAST, 2, 5, 900]], [["s1", "EUR", DAY, "tea", 5, 900]]),
    aRow(
      [
        ["s1", "EUR", LAST, 1, 1, 100],
        ["s2", "EUR", LAST, 1, 2, 7, 3, 4],
        ["s1", "EUR", FIRST, 1, 1, 1],
      ],
      [["s1", "EUR", DAY, "tea", 1, 100], ["s2", "EUR", DAY, "tea", 2, 7]],
    ),
  ]);
  const minutes = deltas.minutes.map((m) => [m.scope, m.minute, m.orders, m.units, m.revenueMinor]);
  assertEquals(minutes.sort(), [
    ["*", "2026-11-22T23:59:00.000Z", 4n, 8n, 1_007n],
    ["*", "2026-11-23T00:00:00.000Z", 1n, 1n, 1n],
    ["s1", "2026-11-22T23:59:00.000Z", 3n, 6n, 1_000n],
    ["s1", "2026-11-23T00:00:00.000Z", 1n, 1n, 1n],
    ["s2", "2026-11-22T23:59:00.000Z", 1n, 2n, 7n],
  ]);
  const days = deltas.days.map((d) => [d.scope, d.day, d.orders, d.cancelledOrders]);
  assertEquals(days.sort(), [
    ["*", "2026-11-22", 4n, 3n],
    ["*", "2026-11-23", 1n, 0n],
    ["s1", "2026-11-22", 3n, 0n],
    ["s1", "2026-11-23", 1n, 0n],
    ["s2", "2026-11-22", 1n, 3n],
  ]);
  const products = deltas.products.map((p) => [p.scope, p.sku, p.units, p.revenueMinor]);
  assertEquals(products.sort(), [
    ["*", "tea", 8n, 1_007n],
    ["s1", "tea", 6n, 1_000n],
    ["s2", "tea", 2n, 7n],
  ]);
  assertEquals(deltas.scopes, ["*", "s1", "s2"]);
});

Deno.test("mergeJournal() keeps sums past the safe range exact", () => {
  const row = aRow([["s", "EUR", LAST, 1, 1, Number.MAX_SAFE_INTEGER]]);
  const { days } = mergeJournal([row, row, row]);
  assertEquals(days[0]?.revenueMinor, 3n * BigInt(Number.MAX_SAFE_INTEGER));
});

Deno.test("mergeJournal() of an empty journal changes no scope", () => {
  assertEquals(mergeJournal([]), { minutes: [], days: [], products: [], scopes: [] });
});
