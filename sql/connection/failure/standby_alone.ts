/**
 * A standby answers many reads as its primary would. So a call that needs the primary asks first.
 *
 * Tested in tests/sql/figures/identity_test.ts and tests/sql/migrate_test.ts.
 */
import { SQLSTATE } from "./codes.ts";

/** The call needs a primary and met a standby. It looks like the answer to a write that meets one. */
export class StandbyAlone extends Error {
  readonly code = SQLSTATE.readOnlyTransaction;
  readonly severity = "ERROR"; // the connection is not lost
  constructor() {
    super("the server is a standby");
    this.name = "StandbyAlone";
  }
}
