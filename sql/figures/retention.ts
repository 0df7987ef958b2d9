/**
 * Retention deletes rollups of old minutes and old runs of folds.
 *
 * Dashboards show a minute for one hour, and its rollups are kept for two days. A minute that is
 * older can still change: by an order that was drained late, or by a cancellation. Such a change
 * goes to the rollups of its day alone. Dashboards lose nothing by that, because they do not show
 * the minute. A fold and a deletion that run at once may leave a row of an old minute behind.
 * Nothing reads that row, and the next deletion removes it.
 *
 * Tested in tests/sql/figures/fold_test.ts and tests/sql/figures/fold_runs_test.ts.
 */
import type { Pool } from "../connection/database.ts";
import { HOUR_MS, iso } from "../time.ts";

export const MINUTES_KEPT_HOURS = 48;
/** Folds run up to twenty times a second. Operators look at them for trouble of the same day. */
const RUNS_KEPT_HOURS = 6;
/** The most rows that one statement deletes, so that it does not hold up other statements. */
const ROWS_AT_ONCE = 5_000;

/** The oldest minute that is kept at `now`, ISO 8601. */
export function minuteHorizon(now: Date): string {
  return iso(now.getTime() - MINUTES_KEPT_HOURS * HOUR_MS);
}

/** The minutes of a fold that get a rollup. @param now by the database's clock. */
export function keptMinutes<Delta extends { readonly minute: string }>(
  minutes: readonly Delta[],
  now: Date,
): Delta[] {
  const horizon = minuteHorizon(now);
  return minutes.filter(({ minute }) => minute >= horizon);
}

/** Deletes rollups of old minutes. @returns how many @throws what the driver throws */
export function deleteOldMinutes(pool: Pool): Promise<number> {
  return deleteAll(() =>
    pool.run((sql) =>
      sql`
        DELETE FROM rollup_minutes WHERE (scope, currency, minute, version) IN (
          SELECT scope, currency, minute, version FROM rollup_minutes
          WHERE minute < now() - make_interval(hours => ${MINUTES_KEPT_HOURS})
          LIMIT ${ROWS_AT_ONCE})`
    )
  );
}

/** Deletes old runs of folds. @returns how many @throws what the driver throws */
export function deleteOldRuns(pool: Pool): Promise<number> {
  return deleteAll(() =>
    pool.run((sql) =>
      sql`
        DELETE FROM fold_runs WHERE run_id IN (
          SELECT run_id FROM fold_runs
          WHERE ended_at < now() - make_interval(hours => ${RUNS_KEPT_HOURS})
          LIMIT ${ROWS_AT_ONCE})`
    )
  );
}

/** Repeats a deletion of at most `ROWS_AT_ONCE` rows until fewer are left than that. */
async function deleteAll(deleteSome: () => Promise<{ readonly count: number }>): Promise<number> {
  let deleted = 0;
  for (let count = ROWS_AT_ONCE; count >= ROWS_AT_ONCE; deleted += count) {
    ({ count } = await deleteSome());
  }
  return deleted;
}
