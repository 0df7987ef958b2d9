import { assertEquals } from "@std/assert";
import { rank, type Ranking, split } from "../../../../client/dashboard/data/ranking.ts";
import type { Snapshot } from "../../../../client/mod.ts";

/** A currency with its orders of the last hour and of today. */
type Row = readonly [currency: string, lastHour: number, today: number];

function snapshot(minute: string, rows: readonly Row[]): Snapshot {
  const sums = (orders: number) => ({
    orders,
    units: "0",
    revenueMinor: "0",
    cancelledOrders: 0,
    cancelledRevenueMinor: "0",
  });
  return {
    scope: "*",
    epoch: 1,
    version: 1,
    asOf: minute,
    ageMs: 0,
    stale: false,
    source: "live",
    minute,
    currencies: rows.map(([currency, lastHour, today]) => ({
      currency,
      today: sums(today),
      last60m: sums(lastHour),
      hasDetail: true,
      minutes: [],
      topProducts: [],
    })),
  };
}

const codes = (before: Ranking | null, minute: string, rows: readonly Row[]) =>
  rank(before, snapshot(minute, rows)).codes;

Deno.test("rank() goes by the last hour, then by today, then by the code", () => {
  const rows: Row[] = [["AUD", 0, 0], ["CHF", 5, 9], ["EUR", 7, 7], ["JPY", 5, 10], ["USD", 0, 0]];
  assertEquals(codes(null, "12:00", rows), ["EUR", "JPY", "CHF", "AUD", "USD"]);
  assertEquals(codes(null, "12:00", rows.toReversed()), ["EUR", "JPY", "CHF", "AUD", "USD"]);
});

Deno.test("rank() changes places at the turn of a minute alone", () => {
  const first = rank(null, snapshot("12:00", [["EUR", 2, 2], ["USD", 1, 1]]));
  const overtaken: Row[] = [["EUR", 2, 2], ["USD", 9, 9]];
  assertEquals(codes(first, "12:00", overtaken), ["EUR", "USD"]);
  assertEquals(codes(first, "12:01", overtaken), ["USD", "EUR"]);
});

Deno.test("rank() puts a new currency last within the minute, and drops one that is gone", () => {
  const first = rank(null, snapshot("12:00", [["EUR", 2, 2], ["USD", 1, 1]]));
  assertEquals(codes(first, "12:00", [["EUR", 2, 2], ["AUD", 50, 50], ["CHF", 60, 60]]), [
    "EUR",
    "CHF",
    "AUD",
  ]);
});

Deno.test("split() shows a few currencies large, and three of many", () => {
  const many = (count: number) => {
    const shown = snapshot(
      "12:00",
      Array.from({ length: count }, (_, index): Row => [`C${index + 10}`, 100 - index, 0]),
    );
    const ranking = rank(null, shown);
    return (["page", "wall"] as const).map((place) => {
      const { large, rest } = split(ranking, shown, place);
      assertEquals([...large, ...rest].map(({ currency }) => currency), ranking.codes);
      return [large.length, rest.length];
    });
  };
  assertEquals([0, 1, 4, 5, 6, 7, 180].map(many), [
    [[0, 0], [0, 0]],
    [[1, 0], [1, 0]],
    [[4, 0], [4, 0]],
    [[5, 0], [3, 2]],
    [[6, 0], [3, 3]],
    [[3, 4], [3, 4]],
    [[3, 177], [3, 177]],
  ]);
});
