/**
 * Reading the journal: from the rows that a fold consumes to what each rollup row has to grow by.
 *
 * Pure. A journal row's `adds` holds, per store and currency, what a batch adds to a minute
 * (`totals`) and to a day's products; sums are decimal text there and `bigint` here, since sums
 * over orders may pass what a JSON number can hold. Every addition counts for its store and for
 * the scope `*`.
 */
import { dayOf, iso } from "./time.ts";

/** The scope of all stores together. No store can have this name. */
export const ALL_STORES = "*";

/** `[storeId, currency, minute, orders, units, revenue, cancelledOrders, cancelledRevenue]`. */
type TotalsEntry = [string, string, number, number, string, string, number, string];
/** `[storeId, currency, day, sku, units, revenue]`; minute and day are Unix seconds. */
type ProductEntry = [string, string, number, string, string, string];

/** One journal row of format 1. */
export interface JournalRow {
  readonly written_at: Date;
  readonly orders: string;
  readonly adds: { readonly totals: TotalsEntry[]; readonly products: ProductEntry[] };
}

/** What an order, or many, add to a sum. */
export interface Sums {
  orders: bigint;
  units: bigint;
  revenueMinor: bigint;
  cancelledOrders: bigint;
  cancelledRevenueMinor: bigint;
}

export interface MinuteDelta extends Sums {
  readonly scope: string;
  readonly currency: string;
  /** ISO 8601. */
  readonly minute: string;
}

export interface DayDelta extends Sums {
  readonly scope: string;
  readonly currency: string;
  /** `YYYY-MM-DD`. */
  readonly day: string;
}

export interface ProductDelta {
  readonly scope: string;
  readonly currency: string;
  readonly day: string;
  readonly sku: string;
  units: bigint;
  revenueMinor: bigint;
}

/** What one fold adds, one entry per rollup row. */
export interface Deltas {
  readonly minutes: readonly MinuteDelta[];
  readonly days: readonly DayDelta[];
  readonly products: readonly ProductDelta[];
  /** Every scope that changes; `*` is among them unless there is nothing at all. */
  readonly scopes: string[];
}

/** Sums up journal rows into one delta per rollup row. The order of the rows does not matter. */
export function mergeJournal(rows: readonly JournalRow[]): Deltas {
  const minutes = new Map<string, MinuteDelta>();
  const days = new Map<string, DayDelta>();
  const products = new Map<string, ProductDelta>();
  const scopes = new Set<string>();
  for (const { adds } of rows) {
    for (const [storeId, currency, minuteSeconds, ...sums] of adds.totals) {
      const minute = iso(minuteSeconds * 1_000);
      const day = dayOf(minute);
      for (const scope of [storeId, ALL_STORES]) {
        scopes.add(scope);
        addSums(entryOf(minutes, { scope, currency, minute }, noSums), sums);
        addSums(entryOf(days, { scope, currency, day }, noSums), sums);
      }
    }
    for (const [storeId, currency, daySeconds, sku, units, revenueMinor] of adds.products) {
      const day = dayOf(iso(daySeconds * 1_000));
      for (const scope of [storeId, ALL_STORES]) {
        const product = entryOf(products, { scope, currency, day, sku }, noPieces);
        product.units += BigInt(units);
        product.revenueMinor += BigInt(revenueMinor);
      }
    }
  }
  return {
    minutes: [...minutes.values()],
    days: [...days.values()],
    products: [...products.values()],
    scopes: [...scopes].sort(),
  };
}

type SumsEntry = TotalsEntry extends [string, string, number, ...infer Rest] ? Rest : never;

function addSums(
  delta: Sums,
  [orders, units, revenueMinor, cancelledOrders, cancelledRevenueMinor]: SumsEntry,
): void {
  delta.orders += BigInt(orders);
  delta.units += BigInt(units);
  delta.revenueMinor += BigInt(revenueMinor);
  delta.cancelledOrders += BigInt(cancelledOrders);
  delta.cancelledRevenueMinor += BigInt(cancelledRevenueMinor);
}

const noPieces = () => ({ units: 0n, revenueMinor: 0n });
const noSums = () => ({
  ...noPieces(),
  orders: 0n,
  cancelledOrders: 0n,
  cancelledRevenueMinor: 0n,
});

/** The map's value under `key`, which begins as the key beside zeroes. */
function entryOf<Key extends Readonly<Record<string, string>>, Zero extends object>(
  map: Map<string, Key & Zero>,
  key: Key,
  zero: () => Zero,
): Key & Zero {
  const id = Object.values(key).join("\n");
  const known = map.get(id);
  if (known !== undefined) return known;
  const begun = { ...key, ...zero() };
  map.set(id, begun);
  return begun;
}
