/**
 * UTC minutes and days, which are the keys of the rollups. All instants are from the database's clock.
 *
 * Tested in tests/sql/figures/snapshots_test.ts and tests/sql/figures/fold_test.ts.
 */

export const MINUTE_MS = 60_000;
export const HOUR_MS = 60 * MINUTE_MS;
export const DAY_MS = 24 * HOUR_MS;

/** ISO 8601 UTC with milliseconds, like every time that clients see. */
export function iso(instant: Date | number): string {
  return new Date(instant).toISOString();
}

/** The UTC minute of `instant`, ISO 8601. */
export function minuteOf(instant: Date | number): string {
  const ms = new Date(instant).getTime();
  return iso(ms - ms % MINUTE_MS);
}

/** The UTC day of an ISO instant, `YYYY-MM-DD`. */
export function dayOf(isoInstant: string): string {
  return isoInstant.slice(0, 10);
}
