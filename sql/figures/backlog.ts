/**
 * The backlog of the journal: how much waits to be folded, and of which stores.
 *
 * Tested in tests/server/orders/journal_backlog_test.ts.
 */
import type { Pool } from "../connection/database.ts";
import { ALL_STORES, ENTRIES } from "./journal.ts";

export interface Backlog {
  readonly entries: number;
  /** The entries in the rows that a store has for itself, by store. */
  readonly ofStores: ReadonlyMap<string, number>;
  /** The newest fold. It tells whether folds go on. */
  readonly version: number;
}

/** Reads the journal's rows, which are thin and live for milliseconds, but not their lists. */
export async function readBacklog(pool: Pool): Promise<Backlog> {
  const rows = await pool.run((sql) =>
    sql<{ store_id: string | null; entries: string | null; version: string | null }[]>`
      SELECT j.store_id, j.entries, v.version
      FROM (SELECT max(version) AS version FROM scope_versions WHERE scope = ${ALL_STORES}) AS v
      LEFT JOIN (SELECT store_id, sum(${sql.unsafe(ENTRIES)}) AS entries
                 FROM journal GROUP BY store_id) AS j ON true`
  );
  return {
    entries: rows.reduce((sum, { entries }) => sum + Number(entries), 0),
    ofStores: new Map(
      rows.flatMap(({ store_id, entries }) =>
        store_id === null ? [] : [[store_id, Number(entries)]]
      ),
    ),
    version: Number(rows[0]?.version ?? 0),
  };
}
