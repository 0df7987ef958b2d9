/**
 * A refusal that is thrown, where a call cannot return it. It is a plain Error and knows nothing of
 * tRPC: the router alone turns it into a code and an HTTP status.
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

/** `invalid_input` that only shows when the input is acted upon; `path` is its field. */
export function invalidInput(path: string, message: string): Refused {
  const issues = [{ path, message }];
  return new Refused({ ...refuse("invalid_input", `${path}: ${message}`), issues });
}
