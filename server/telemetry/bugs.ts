/**
 * Bugs: errors that this program did not expect. Each is logged at once, and counted for the list of
 * problems. The count is of the whole process, because an error that nobody caught has no instance.
 *
 * Tested in tests/server/ops/problems/list_test.ts.
 */
import { describe, getLogger } from "./log.ts";

const log = getLogger(["weir"]);

let count = 0;
let latest = "";

/** The bugs of this process so far. */
export function bugsSoFar(): { readonly count: number; readonly latest: string } {
  return { count, latest };
}

/** Logs and counts a bug. @param what the place, such as `a bug in the drainer`. */
export function tellBug(what: string, error: unknown): void {
  countBug(what, error);
  log.fatal(`${what}: ${describe(error)}`);
}

/** Counts a bug that is logged elsewhere. */
export function countBug(what: string, error: unknown): void {
  count++;
  latest = `${what}: ${describe(error)}`;
}
