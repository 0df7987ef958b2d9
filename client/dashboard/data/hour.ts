/**
 * The hour of a currency as the chart draws it. A snapshot leaves out the minutes of a currency that
 * has no order in the hour.
 *
 * Pure.
 */
import type { CurrencyFigures } from "./ranking.ts";

const MINUTES = 60;
const MINUTE_MS = 60_000;

/** The sixty minutes that end with `now`, those of an empty hour with zeros. */
export function hourOf({ minutes }: CurrencyFigures, now: string): CurrencyFigures["minutes"] {
  if (minutes.length > 0) return minutes;
  const newest = Date.parse(now);
  return Array.from({ length: MINUTES }, (_, index) => ({
    minute: new Date(newest - (MINUTES - 1 - index) * MINUTE_MS).toISOString(),
    orders: 0,
    units: "0",
    revenueMinor: "0",
  }));
}
