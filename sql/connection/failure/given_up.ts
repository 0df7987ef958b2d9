/**
 * Calls that the pool gives up, although the server said nothing against them.
 *
 * Tested in tests/sql/connection/pool_test.ts and standby_test.ts.
 */
import { WEIR_CODE } from "./codes.ts";

/** The call was given up after `timeoutMs` without an answer. Its outcome is unknown. */
export class DatabaseTimeout extends Error {
  readonly code = WEIR_CODE.databaseTimeout;
  constructor(readonly timeoutMs: number) {
    super(`the database did not answer within ${timeoutMs} ms`);
    this.name = "DatabaseTimeout";
  }
}

/**
 * The server has committed the call without its standby, because somebody cancelled the wait. A
 * failover would lose the commit, so its outcome counts as unknown.
 */
export class NotReplicated extends Error {
  readonly code = WEIR_CODE.notReplicated;
  constructor() {
    super("the wait for the synchronous standby was cancelled");
    this.name = "NotReplicated";
  }
}

/** The pool was ended at once, and the call with it. */
export class PoolCut extends Error {
  readonly code = WEIR_CODE.poolCut;
  constructor() {
    super("the pool was ended");
    this.name = "PoolCut";
  }
}
