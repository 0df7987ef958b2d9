/**
 * Retention in one instance: rollups and runs of folds past their time are deleted every few minutes.
 *
 * Tested in tests/sql/figures/fold_test.ts.
 */
import type { Database } from "../../sql/connection/database.ts";
import { deleteOldMinutes, deleteOldRuns } from "../../sql/figures/retention.ts";
import { every, type Repeating } from "../every.ts";
import type { Hints } from "../telemetry/hints.ts";

const DELETE_EVERY_MS = 300_000;

/** Starts deleting. Neither deletion waits for the other one to succeed. */
export function startRetention({ read }: Database, hints: Hints): Repeating {
  return every(DELETE_EVERY_MS, async () => {
    await hints.run("retention of minutes", () => deleteOldMinutes(read));
    await hints.run("retention of folds", () => deleteOldRuns(read));
  });
}
