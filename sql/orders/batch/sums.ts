/**
 * The sums of a batch, as the journal has them: by part (journal_parts.ts), store and currency, and by
 * product. Counted here, because the database would take the lines apart for it a second time.
 *
 * Tested in tests/sql/orders/batch/quick_way_test.ts.
 */
import { journalParts } from "./journal_parts.ts";
import type { NewOrder } from "../new_order.ts";

/** The sums of one store and currency in one part. */
interface Total {
  readonly part: number;
  readonly storeId: string;
  readonly currency: string;
  orders: number;
  units: number;
  revenueMinor: number;
}

/** The sums of one product in one part. */
interface ProductTotal {
  readonly part: number;
  readonly storeId: string;
  readonly currency: string;
  readonly sku: string;
  units: number;
  revenueMinor: number;
}

export interface BatchSums {
  readonly totals: readonly Total[];
  readonly products: readonly ProductTotal[];
}

interface Line {
  readonly sku: string;
  readonly quantity: number;
  readonly unitPriceMinor: number;
}

/** @returns null when a sum is too large for a number, so that the database has to count */
export function sumsOf(orders: readonly NewOrder[]): BatchSums | null {
  const parts = journalParts(orders);
  const totals = new Map<string, Total>();
  const products = new Map<string, ProductTotal>();
  for (const [index, { storeId, currency, units, totalMinor, linesJson }] of orders.entries()) {
    const part = parts[index] ?? 0;
    const key = `${part} ${storeId} ${currency}`;
    let total = totals.get(key);
    if (total === undefined) {
      total = { part, storeId, currency, orders: 0, units: 0, revenueMinor: 0 };
      totals.set(key, total);
    }
    total.orders++;
    total.units += units;
    total.revenueMinor += totalMinor;
    if (!Number.isSafeInteger(total.revenueMinor)) return null;
    for (const { sku, quantity, unitPriceMinor } of JSON.parse(linesJson) as Line[]) {
      const productKey = `${key} ${sku}`;
      let product = products.get(productKey);
      if (product === undefined) {
        product = { part, storeId, currency, sku, units: 0, revenueMinor: 0 };
        products.set(productKey, product);
      }
      product.units += quantity;
      product.revenueMinor += quantity * unitPriceMinor;
    }
  }
  return { totals: [...totals.values()], products: [...products.values()] };
}
