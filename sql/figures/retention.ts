/**
 * How long things are kept that are only of use for a while.
 *
 * Minutes are shown for an hour, so their rollups are kept for two days. What comes for an older
 * minute (an order that was drained late, a cancellation) goes to the rollups of its day alone; no
 * total that is shown changes by that. A fold and a deletion that cross leave a row of an old minute
 * behind, for the next deletion; nobody looks at it meanwhile.
 */
import type { Pool } from "../connection/database.ts";
import { HOUR_MS, iso } from "../time.ts";

export const MINUTES_KEPT_HOURS = 48;
/** Folds come up to twenty times a second, and are looked at when something was wrong today. */
const RUNS_KEPT_HOURS = 6;
/** So many rows are deleted by one statement, which then holds nobody up. */
const ROWS_AT_ONCE = 5_000;

/** The first minute that is kept at `now`, ISO 8601. */
export function minuteHorizon(now: Date): string {
  return iso(now.getTime() - MINUTES_KEPT_HOURS * HOUR_MS);
}

/** Those of a fold's minutes that have a rollup. @param now by the database's clock. */
export function keptMinutes<Delta extends { readonly minute: string }>(
  minutes: readonly Delta[],
  now: Date,
): Delta[] {
  const horizon = minuteHorizon(now);
  return minutes.filter(({ minute }) => minute >= horizon);
}

/** Deletes what is past its time. @returns the rows deleted @throws what the driver throws */
export async function deleteOutdated(pool: Pool): Promise<number> {
  let deleted = 0;
  for (let count = ROWS_AT_ONCE; count >= ROWS_AT_ONCE; deleted += count) {
    ({ count } = await pool.run((sql) =>
      sql`
        DELETE FROM rollup_minutes WHERE (scope, currency, minute, version) IN (
          SELECT scope, currency, minute, version FROM rollup_minutes
          WHERE minute < now() - make_interval(hours => ${MINUTES_KEPT_HOURS})
          LIMIT ${ROWS_AT_ONCE})`
    ));
  }
  for (let count = ROWS_AT_ONCE; count >= ROWS_AT_ONCE; deleted += count) {
    ({ count } = await pool.run((sql) =>
      sql`
        DELETE FROM fold_runs WHERE run_id IN (
          SELECT run_id FROM fold_runs
          WHERE ended_at < now() - make_interval(hours => ${RUNS_KEPT_HOURS})
          LIMIT ${ROWS_AT_ONCE})`
    ));
  }
  return deleted;
}
