/** All rows of a journal, for tests that add them up themselves. */
import type { JournalRow } from "../../../sql/figures/journal.ts";
import type { TestSql } from "../services/database.ts";

/** The rows, in no order. Call it in one snapshot, or while nothing folds. */
export async function readJournal(sql: TestSql): Promise<JournalRow[]> {
  const rows = await sql<(JournalRow & { batch_id: string })[]>`select * from journal`;
  const lists = await sql<{ batch_id: string }[]>`select * from journal_sums`;
  const byId = new Map(lists.map((row) => [row.batch_id, row]));
  return rows.map((row) => ({ ...row, ...byId.get(row.batch_id) }));
}
