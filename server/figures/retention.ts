/**
 * Retention in one instance: rollups past their time are deleted every few minutes.
 *
 * Tested in tests/sql/figures/fold_test.ts.
 */
import type { Database } from "../../sql/connection/database.ts";
import { deleteOutdated } from "../../sql/figures/retention.ts";
import { every, type Repeating } from "../every.ts";
import { describe, getLogger } from "../telemetry/log.ts";

const log = getLogger(["weir"]);

const DELETE_EVERY_MS = 300_000;

/** Starts deleting. A failure is a line in the log, and the next time comes all the same. */
export function startRetention(database: Database): Repeating {
  return every(
    DELETE_EVERY_MS,
    () => deleteOutdated(database.read),
    (error) => log.warn(`the deletion of old rollups failed: ${describe(error)}`),
  );
}
