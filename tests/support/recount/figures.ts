/** Figures as the database answers them, for tests of the parts that show them. */
import type { Figures } from "../../../sql/figures/snapshots.ts";
import { MINUTE_MS } from "../../../sql/time.ts";

/** Figures of `version`, read at `readAt` (Unix ms). `parts` replaces what a test is about. */
export function figuresAt(readAt: number, version: number, parts: Partial<Figures> = {}): Figures {
  return {
    scope: "*",
    epoch: 1,
    version,
    fold: version,
    asOf: new Date(readAt - 100).toISOString(),
    foldedAt: new Date(readAt - 100).toISOString(),
    readAt: new Date(readAt).toISOString(),
    minute: new Date(readAt - readAt % MINUTE_MS).toISOString(),
    currencies: [],
    ...parts,
  };
}

const SUMS = {
  orders: 1,
  units: "1",
  revenueMinor: "900",
  cancelledOrders: 0,
  cancelledRevenueMinor: "0",
};
const MINUTE = { minute: "2026-11-22T10:03:00.000Z", orders: 1, units: "1", revenueMinor: "900" };

/** So many currencies, each with its minutes and a product. With sixteen a frame is large. */
export function currenciesOf(count: number): Figures["currencies"] {
  return Array.from({ length: count }, () => ({
    currency: "EUR",
    today: SUMS,
    last60m: SUMS,
    hasDetail: true,
    minutes: Array.from({ length: 60 }, () => MINUTE),
    topProducts: [{ sku: "tea", units: "1", revenueMinor: "900" }],
  }));
}
