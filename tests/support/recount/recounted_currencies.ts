/**
 * The figures that a dashboard must show, added up from the orders one by one, as the contract
 * says. No rollup and no query of the service is used.
 */
import type { Snapshot } from "../../../client/mod.ts";
import { dayOf, iso, MINUTE_MS, minuteOf } from "../../../sql/time.ts";
import type { TestSql } from "../services/database.ts";

type Currencies = Snapshot["currencies"];

interface OrderRow {
  readonly currency: string;
  readonly lines: readonly { sku: string; quantity: number; unitPriceMinor: number }[];
  readonly units: string;
  readonly total_minor: string;
  readonly placed_at: Date;
  readonly cancelled_at: Date | null;
}

const WINDOW_MINUTES = 60;
const BEST = 10;

/** The currencies of a snapshot of `scope` whose windows end with `minute`. */
export async function recountCurrencies(
  sql: TestSql,
  scope: string,
  minute: string,
): Promise<Currencies> {
  const orders = await sql<OrderRow[]>`
    select currency, lines, units, total_minor, placed_at, cancelled_at from orders
    where ${scope} = '*' or store_id = ${scope}`;
  const minutes = Array.from(
    { length: WINDOW_MINUTES },
    (_, index) => iso(Date.parse(minute) - (WINDOW_MINUTES - 1 - index) * MINUTE_MS),
  );
  const codes = new Set(orders.map(({ currency }) => currency));
  return [...codes].sort().map((currency) => {
    const own = orders.filter((order) => order.currency === currency);
    const byMinute = Map.groupBy(own, ({ placed_at }) => minuteOf(placed_at));
    const today = own.filter(({ placed_at }) => dayOf(iso(placed_at)) === dayOf(minute));
    const lately = minutes.flatMap((at) => byMinute.get(at) ?? []);
    return {
      currency,
      today: sumsOf(today),
      last60m: sumsOf(lately),
      hasDetail: true,
      minutes: lately.length === 0 ? [] : minutes.map((at) => {
        const { orders, units, revenueMinor } = sumsOf(byMinute.get(at) ?? []);
        return { minute: at, orders, units, revenueMinor };
      }),
      topProducts: bestOf(today),
    };
  }).filter(({ today, last60m }) => hasAny(today) || hasAny(last60m));
}

function hasAny({ orders, cancelledOrders }: { orders: number; cancelledOrders: number }): boolean {
  return orders + cancelledOrders > 0;
}

function sumsOf(orders: readonly OrderRow[]) {
  const valid = orders.filter(({ cancelled_at }) => cancelled_at === null);
  const cancelled = orders.filter(({ cancelled_at }) => cancelled_at !== null);
  return {
    orders: valid.length,
    units: total(valid.map(({ units }) => units)),
    revenueMinor: total(valid.map(({ total_minor }) => total_minor)),
    cancelledOrders: cancelled.length,
    cancelledRevenueMinor: total(cancelled.map(({ total_minor }) => total_minor)),
  };
}

function total(amounts: readonly string[]): string {
  return amounts.reduce((sum, amount) => sum + BigInt(amount), 0n).toString();
}

function bestOf(orders: readonly OrderRow[]) {
  const products = new Map<string, { units: bigint; revenue: bigint }>();
  for (const { lines, cancelled_at } of orders) {
    if (cancelled_at !== null) continue;
    for (const { sku, quantity, unitPriceMinor } of lines) {
      const { units, revenue } = products.get(sku) ?? { units: 0n, revenue: 0n };
      products.set(sku, {
        units: units + BigInt(quantity),
        revenue: revenue + BigInt(quantity) * BigInt(unitPriceMinor),
      });
    }
  }
  return [...products]
    .sort(([a, { revenue: x }], [b, { revenue: y }]) => x === y ? (a < b ? -1 : 1) : x > y ? -1 : 1)
    .slice(0, BEST)
    .map(([sku, { units, revenue }]) => ({
      sku,
      units: String(units),
      revenueMinor: String(revenue),
    }));
}
