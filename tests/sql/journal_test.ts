import { assertEquals } from "@std/assert";
import { type JournalRow, mergeJournal } from "../../sql/journal.ts";

const MINUTE = Date.parse("2026-11-22T23:59:00Z") / 1_000;
const DAY = Date.parse("2026-11-22T00:00:00Z") / 1_000;

function row(adds: JournalRow["adds"]): JournalRow {
  return { written_at: new Date(), orders: "1", adds };
}

Deno.test("what several batches add to one minute becomes one delta for the store and one for all", () => {
  const deltas = mergeJournal([
    row({
      totals: [["s1", "EUR", MINUTE, 2, "5", "900", 0, "0"]],
      products: [["s1", "EUR", DAY, "tea", "5", "900"]],
    }),
    row({
      totals: [
        ["s1", "EUR", MINUTE, 1, "1", "100", 0, "0"],
        ["s2", "EUR", MINUTE, 1, "2", "7", 0, "0"],
        ["s1", "EUR", MINUTE + 60, 1, "1", "1", 0, "0"],
      ],
      products: [["s1", "EUR", DAY, "tea", "1", "100"], ["s2", "EUR", DAY, "tea", "2", "7"]],
    }),
  ]);
  const minutes = deltas.minutes.map((m) => [m.scope, m.minute, m.orders, m.units, m.revenueMinor]);
  assertEquals(minutes.sort(), [
    ["*", "2026-11-22T23:59:00.000Z", 4n, 8n, 1_007n],
    ["*", "2026-11-23T00:00:00.000Z", 1n, 1n, 1n],
    ["s1", "2026-11-22T23:59:00.000Z", 3n, 6n, 1_000n],
    ["s1", "2026-11-23T00:00:00.000Z", 1n, 1n, 1n],
    ["s2", "2026-11-22T23:59:00.000Z", 1n, 2n, 7n],
  ]);
  const days = deltas.days.map((d) => [d.scope, d.day, d.orders]);
  assertEquals(days.sort(), [
    ["*", "2026-11-22", 4n],
    ["*", "2026-11-23", 1n],
    ["s1", "2026-11-22", 3n],
    ["s1", "2026-11-23", 1n],
    ["s2", "2026-11-22", 1n],
  ]);
  const products = deltas.products.map((p) => [p.scope, p.sku, p.units, p.revenueMinor]);
  assertEquals(products.sort(), [
    ["*", "tea", 8n, 1_007n],
    ["s1", "tea", 6n, 1_000n],
    ["s2", "tea", 2n, 7n],
  ]);
  assertEquals(deltas.scopes, ["*", "s1", "s2"]);
});

Deno.test("sums past the safe range stay exact", () => {
  const big = String(Number.MAX_SAFE_INTEGER);
  const adds: JournalRow["adds"] = {
    totals: [["s", "EUR", MINUTE, 1, big, big, 0, "0"]],
    products: [],
  };
  const { days } = mergeJournal([row(adds), row(adds), row(adds)]);
  assertEquals(days[0]?.revenueMinor, 3n * BigInt(Number.MAX_SAFE_INTEGER));
});

Deno.test("an empty journal changes no scope", () => {
  assertEquals(mergeJournal([]), { minutes: [], days: [], products: [], scopes: [] });
});
