/**
 * Refusals: why something was not done, as data. A refusal has a reason from the contract's table, a
 * sentence for a person and, where waiting helps, the time to wait.
 *
 * A refusal is a plain object and not an Error: it is an answer. While the circuit is open there are
 * thousands of refusals a second, and none needs a stack trace.
 */

/** Every reason of the contract's error table. */
export type RefusalReason =
  | "invalid_input"
  | "unauthenticated"
  | "forbidden"
  | "not_found"
  | "not_committed_yet"
  | "payload_too_large"
  | "idempotency_mismatch"
  | "rejected"
  | "rate_limited"
  | "queue_full"
  | "deadline_exceeded"
  | "outcome_unknown"
  | "circuit_open"
  | "unavailable"
  | "draining"
  | "internal";

/** One thing that is wrong with an input. */
export interface InputIssue {
  /** Where, as `lines.0.sku`; empty for the input as a whole. */
  readonly path: string;
  readonly message: string;
}

export interface Refusal {
  readonly reason: RefusalReason;
  readonly message: string;
  /** Milliseconds after which another try makes sense. */
  readonly retryAfterMs?: number;
  /** Where a `rejected` order is kept. */
  readonly deadLetterId?: string;
  /** The issues of an `invalid_input`. */
  readonly issues?: readonly InputIssue[];
}

/** Makes a refusal. */
export function refuse(reason: RefusalReason, message: string, retryAfterMs?: number): Refusal {
  return retryAfterMs === undefined
    ? { reason, message }
    : { reason, message, retryAfterMs: Math.max(1, Math.ceil(retryAfterMs)) };
}
