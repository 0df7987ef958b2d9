/**
 * Retention: how long minutes and the history of folds are kept.
 *
 * Dashboards show the minutes of one hour, and their rollups are kept for two days. An order drained
 * late or a cancellation may belong to an older minute. It then changes the rollups of its day alone,
 * and no minute on a dashboard. A fold that runs beside a deletion may leave a row of an old minute
 * behind. The next deletion removes it; no reader looks at it meanwhile.
 *
 * Tested in tests/sql/figures/fold_test.ts and tests/sql/figures/fold_runs_test.ts.
 */
import type { Pool } from "../connection/database.ts";
import { HOUR_MS, iso } from "../time.ts";

export const MINUTES_KEPT_HOURS = 48;
/** Up to twenty folds run in a second, and an operator looks only at those of today. */
const RUNS_KEPT_HOURS = 6;
/** The most rows that one statement deletes, so that no other statement waits long for it. */
const ROWS_AT_ONCE = 5_000;

/** The oldest minute that is kept at `now`, ISO 8601. */
export function minuteHorizon(now: Date): string {
  return iso(now.getTime() - MINUTES_KEPT_HOURS * HOUR_MS);
}

/** The minutes of a fold that are still kept. @param now the database's clock */
export function keptMinutes<Delta extends { readonly minute: string }>(
  minutes: readonly Delta[],
  now: Date,
): Delta[] {
  const horizon = minuteHorizon(now);
  return minutes.filter(({ minute }) => minute >= horizon);
}

/** Deletes old rows. @returns how many @throws the error of the driver */
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
