/**
 * A refusal to throw where a call cannot return it. It is a plain Error that does not know tRPC.
 * The router alone turns it into a code and an HTTP status.
 */
import { type Refusal, type RefusalReason, refuse } from "./refusal.ts";

export class Refused extends Error {
  override readonly name = "Refused";

  constructor(readonly refusal: Refusal) {
    super(refusal.message);
  }

  get reason(): RefusalReason {
    return this.refusal.reason;
  }
}

/** An `invalid_input` that shows only when the input is used. `path` is the wrong field. */
export function invalidInput(path: string, message: string): Refused {
  const issues = [{ path, message }];
  return new Refused({ ...refuse("invalid_input", `${path}: ${message}`), issues });
}
