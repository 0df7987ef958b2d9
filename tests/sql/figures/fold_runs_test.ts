import { assert, assertEquals } from "@std/assert";
import { Pool } from "../../../sql/connection/pool.ts";
import { type FoldRunRecord, listRuns, recordRuns } from "../../../sql/figures/fold_runs.ts";
import { deleteOldRuns } from "../../../sql/figures/retention.ts";
import { withDatabase } from "../../support/services/database.ts";

const FOLDED: FoldRunRecord = {
  outcome: "folded",
  ms: 4.5,
  lagMs: 12,
  journalRows: 3,
  orders: 40,
  epoch: 7,
  version: 9,
  error: null,
};
const FAILED: FoldRunRecord = {
  outcome: "failed",
  ms: 5_000,
  lagMs: null,
  journalRows: null,
  orders: null,
  epoch: null,
  version: null,
  error: "57014",
};

Deno.test("listRuns() lists runs newest first with their instance, and deleteOldRuns() deletes old ones", () =>
  withDatabase(async ({ url, sql }) => {
    const options = { name: "runs", maxConnections: 1, statementTimeoutMs: 5_000 };
    const pool = new Pool({ url, ...options });
    try {
      const [one, other] = [crypto.randomUUID(), crypto.randomUUID()];
      await recordRuns(pool, one, [{ ...FOLDED, agoMs: 60_000 }, { ...FAILED, agoMs: 30_000 }]);
      await recordRuns(pool, other, [{ ...FOLDED, version: 10, agoMs: 7 * 3_600_000 }]);
      const runs = await listRuns(pool, 10);
      assertEquals(runs.map(({ instanceId, endedAt: _, ...run }) => [instanceId, run]), [
        [one, FAILED],
        [one, FOLDED],
        [other, { ...FOLDED, version: 10 }],
      ]);
      const [clock] = await sql<{ now: Date }[]>`select now()`;
      const age = clock!.now.getTime() - Date.parse(runs[0]!.endedAt);
      assert(age >= 30_000 && age < 60_000, `${age} ms`);
      assertEquals((await listRuns(pool, 1)).length, 1);
      assertEquals(await deleteOldRuns(pool), 1);
      assertEquals((await listRuns(pool, 10)).length, 2);
    } finally {
      await pool.end();
    }
  }));
