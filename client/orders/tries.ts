/**
 * The tries of one order: what they said, as far as it decides what may be said about the order.
 *
 * Tested in tests/client/orders/tries_test.ts.
 */
import { verdictOn } from "../api/verdict.ts";
import type { TimeLimit } from "./time_limit.ts";
import { type NamedOrder, PlaceError, type WeirError } from "../api/weir_error.ts";

export class Tries {
  /** @param isOnce false: a refusal for now does not prove that its try stored nothing. */
  constructor(readonly isOnce: boolean) {}

  #count = 0;
  #mayBeStored = false;
  #last: WeirError | null = null;

  /** @returns true when another try can help */
  failed(error: WeirError): boolean {
    this.#count++;
    this.#last = error;
    const verdict = verdictOn(error.reason);
    if (verdict === "unknown" || (verdict === "for_now" && !this.isOnce)) this.#mayBeStored = true;
    if (verdict === "content") this.#mayBeStored = false;
    return error.mayPassLater;
  }

  get count(): number {
    return this.#count;
  }

  get mayBeStored(): boolean {
    return this.#mayBeStored;
  }

  /** The error for the caller when its time is over: its own end, or the latest of the tries. */
  endedBy(order: NamedOrder, { end, passed }: Pick<TimeLimit, "end" | "passed">): PlaceError {
    const isOwnEnd = end?.reason === "aborted" || this.#count === 0;
    return this.errorOf(order, isOwnEnd ? end ?? passed : null);
  }

  /** The error for the caller. `end` is the reason for which no further try is made, if it has one. */
  errorOf(order: NamedOrder, end: WeirError | null): PlaceError {
    const error = end ?? this.#last;
    if (error === null) throw new Error("an order without a try has no error");
    return new PlaceError(order, this.#mayBeStored, error);
  }
}
