/**
 * The history of the folds of all instances. An operator reads it when dashboards were late.
 */
import type { Pool } from "../connection/database.ts";
import { iso } from "../time.ts";

/** A fold that changed something, or failed. */
export interface FoldRunRecord {
  readonly outcome: "folded" | "failed";
  readonly ms: number;
  /** The time that the oldest change had waited for the fold, milliseconds; null when it failed. */
  readonly lagMs: number | null;
  readonly journalRows: number | null;
  readonly orders: number | null;
  readonly epoch: number | null;
  readonly version: number | null;
  /** The SQLSTATE or socket error; null when the fold did not fail. */
  readonly error: string | null;
}

export interface ListedFoldRun extends FoldRunRecord {
  readonly instanceId: string;
  /** ISO 8601, by the database's clock. */
  readonly endedAt: string;
}

interface RunRow {
  readonly instance_id: string;
  readonly ended_at: Date;
  readonly outcome: "folded" | "failed";
  readonly ms: number;
  readonly lag_ms: number | null;
  readonly journal_rows: string | null;
  readonly orders: string | null;
  readonly epoch: string | null;
  readonly version: string | null;
  readonly error: string | null;
}

/** Stores runs. `agoMs` is the time since a run ended. @throws what the driver throws */
export async function recordRuns(
  pool: Pool,
  instanceId: string,
  runs: readonly (FoldRunRecord & { readonly agoMs: number })[],
): Promise<void> {
  const column = (name: keyof FoldRunRecord | "agoMs") =>
    runs.map((run) => run[name] === null ? null : String(run[name]));
  await pool.run((sql) =>
    sql`
      INSERT INTO fold_runs (instance_id, ended_at, outcome, ms, lag_ms, journal_rows, orders,
                             epoch, version, error)
      SELECT ${instanceId}, clock_timestamp() - ago_ms * interval '1 millisecond', outcome, ms,
             lag_ms, journal_rows, orders, epoch, version, error
      FROM unnest(${column("agoMs")}::numeric[], ${column("outcome")}::text[],
                  ${column("ms")}::numeric[], ${column("lagMs")}::numeric[],
                  ${column("journalRows")}::bigint[], ${column("orders")}::bigint[],
                  ${column("epoch")}::bigint[], ${column("version")}::bigint[],
                  ${column("error")}::text[])
        AS run (ago_ms, outcome, ms, lag_ms, journal_rows, orders, epoch, version, error)`
  );
}

/** The latest runs, newest first. @throws the error of the driver */
export async function listRuns(pool: Pool, limit: number): Promise<ListedFoldRun[]> {
  const rows = await pool.run((sql) =>
    sql<RunRow[]>`SELECT * FROM fold_runs ORDER BY ended_at DESC LIMIT ${limit}`
  );
  return rows.map((row) => ({
    instanceId: row.instance_id,
    endedAt: iso(row.ended_at),
    outcome: row.outcome,
    ms: row.ms,
    lagMs: row.lag_ms,
    journalRows: numberOf(row.journal_rows),
    orders: numberOf(row.orders),
    epoch: numberOf(row.epoch),
    version: numberOf(row.version),
    error: row.error,
  }));
}

function numberOf(text: string | null): number | null {
  return text === null ? null : Number(text);
}
