/**
 * Checks the rollups against a recount of the orders. The rollups and the rest of the journal
 * together must count every order once.
 */
import { assertEquals } from "@std/assert";
import { mergeJournal, type Sums } from "../../../sql/figures/journal.ts";
import { recountMinutes } from "../../../sql/figures/recount.ts";
import { minuteHorizon } from "../../../sql/figures/retention.ts";
import { HOUR_MS } from "../../../sql/time.ts";
import type { TestSql } from "../services/database.ts";
import { readJournal } from "./journal.ts";

type Figures = Record<string, string[]>;

/** @throws AssertionError that names each difference, in any scope, minute, day or product. */
export async function expectExact(sql: TestSql): Promise<void> {
  await sql.begin("isolation level repeatable read", async (tx) => {
    const seen = tx as unknown as TestSql;
    const recounted = await recountedMinutes(seen);
    const isKept = await keptMinutesOf(seen);
    const kept = (figures: Figures) =>
      Object.fromEntries(Object.entries(figures).filter(([key]) => isKept(key)));
    assertEquals(kept(await countedMinutes(seen)), kept(recounted));
    assertEquals(await countedDays(seen), await recountedDays(seen));
    assertEquals(await countedProducts(seen), await recountedProducts(seen));
  });
}

/** Leaves out minutes near their horizon and past it: they may have rollups or none. */
async function keptMinutesOf(sql: TestSql): Promise<(key: string) => boolean> {
  const [clock] = await sql<{ now: Date }[]>`select now()`;
  const horizon = minuteHorizon(new Date(clock!.now.getTime() + HOUR_MS));
  return (key) => key.split(" ")[2]! >= horizon;
}

async function recountedMinutes(sql: TestSql): Promise<Figures> {
  const stores = await sql<{ store_id: string }[]>`select distinct store_id from orders`;
  const figures: Figures = {};
  for (const scope of ["*", ...stores.map((row) => row.store_id)]) {
    for (const row of await recountMinutes(sql, scope)) {
      figures[[scope, row.currency, row.minute.toISOString()].join(" ")] = [
        row.orders,
        row.units,
        row.revenue_minor,
        row.cancelled_orders,
        row.cancelled_revenue_minor,
      ];
    }
  }
  return sorted(figures);
}

async function countedMinutes(sql: TestSql): Promise<Figures> {
  const figures: Figures = {};
  const rows = await sql`select * from rollup_minutes`;
  for (const row of rows) {
    const key = [row["scope"], row["currency"], row["minute"].toISOString()].join(" ");
    if (key in figures) throw new Error(`two versions of ${key} are visible`);
    figures[key] = sumsOf(row);
  }
  for (const delta of (await unfolded(sql)).minutes) {
    addTo(figures, [delta.scope, delta.currency, delta.minute].join(" "), deltaSums(delta));
  }
  return sorted(figures);
}

async function recountedDays(sql: TestSql): Promise<Figures> {
  const figures: Figures = {};
  for (const [key, sums] of Object.entries(await recountedMinutes(sql))) {
    const [scope, currency, minute] = key.split(" ");
    addTo(figures, [scope, currency, minute!.slice(0, 10)].join(" "), sums.map(BigInt));
  }
  return sorted(figures);
}

async function countedDays(sql: TestSql): Promise<Figures> {
  const figures: Figures = {};
  for (const row of await sql`select *, day::text as day from rollup_days`) {
    const key = [row["scope"], row["currency"], row["day"]].join(" ");
    if (key in figures) throw new Error(`two versions of ${key} are visible`);
    figures[key] = sumsOf(row);
  }
  for (const delta of (await unfolded(sql)).days) {
    addTo(figures, [delta.scope, delta.currency, delta.day].join(" "), deltaSums(delta));
  }
  return sorted(figures);
}

async function recountedProducts(sql: TestSql): Promise<Figures> {
  const figures: Figures = {};
  const rows = await sql`
    select store_id, currency, (placed_at at time zone 'UTC')::date::text as day,
           line->>'sku' as sku, sum((line->>'quantity')::numeric) as units,
           sum((line->>'quantity')::numeric * (line->>'unitPriceMinor')::numeric) as revenue
    from orders, jsonb_array_elements(lines) as line
    where cancelled_at is null group by 1, 2, 3, 4`;
  for (const row of rows) {
    for (const scope of [row["store_id"], "*"]) {
      const key = [scope, row["currency"], row["day"], row["sku"]].join(" ");
      const sums = [BigInt(row["units"]), BigInt(row["revenue"])];
      if (sums.some((sum) => sum !== 0n)) addTo(figures, key, sums);
    }
  }
  return sorted(figures);
}

async function countedProducts(sql: TestSql): Promise<Figures> {
  const figures: Figures = {};
  for (const row of await sql`select *, day::text as day from rollup_products`) {
    const key = [row["scope"], row["currency"], row["day"], row["sku"]].join(" ");
    if (key in figures) throw new Error(`two versions of ${key} are visible`);
    figures[key] = [row["units"], row["revenue_minor"]];
  }
  for (const delta of (await unfolded(sql)).products) {
    const key = [delta.scope, delta.currency, delta.day, delta.sku].join(" ");
    addTo(figures, key, [delta.units, delta.revenueMinor]);
  }
  for (const [key, sums] of Object.entries(figures)) {
    // All orders with this product were cancelled.
    if (sums.every((sum) => sum === "0")) delete figures[key];
  }
  return sorted(figures);
}

async function unfolded(sql: TestSql) {
  return mergeJournal(await readJournal(sql));
}

function sumsOf(row: Record<string, string>): string[] {
  return ["orders", "units", "revenue_minor", "cancelled_orders", "cancelled_revenue_minor"]
    .map((name) => row[name]!);
}

function deltaSums(delta: Sums): bigint[] {
  return [
    delta.orders,
    delta.units,
    delta.revenueMinor,
    delta.cancelledOrders,
    delta.cancelledRevenueMinor,
  ];
}

function addTo(figures: Figures, key: string, sums: readonly bigint[]): void {
  const before = figures[key] ?? sums.map(() => "0");
  figures[key] = sums.map((sum, index) => (BigInt(before[index]!) + sum).toString());
}

function sorted(figures: Figures): Figures {
  return Object.fromEntries(Object.entries(figures).sort(([a], [b]) => (a < b ? -1 : 1)));
}
