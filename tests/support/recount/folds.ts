/** A database with the pools of an instance. The test itself decides when to fold. */
import { assert } from "@std/assert";
import { type Database, openDatabase } from "../../../sql/connection/database.ts";
import { type Folded, foldJournal } from "../../../sql/figures/fold.ts";
import { type TestSql, withDatabase } from "../services/database.ts";

/** Runs `test` with the pools of an instance. */
export function withPools(
  test: (pools: Database, sql: TestSql, session: () => TestSql) => Promise<void>,
) {
  return withDatabase(async ({ url, sql, session }) => {
    const pools = openDatabase({ url, statementTimeoutMs: 5_000, writeConnections: 2 });
    try {
      await test(pools, sql, session);
    } finally {
      await pools.end();
    }
  });
}

/** Folds. Nobody else may fold meanwhile. */
export async function fold(pools: Database): Promise<Folded> {
  const result = await foldJournal(pools.fold);
  assert(result.outcome === "folded");
  return result;
}
