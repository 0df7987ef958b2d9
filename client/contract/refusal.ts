/**
 * Why something was not done, as data: a reason from the contract's table, a sentence for a person,
 * and, where waiting helps, how long.
 *
 * A plain object and not an Error: refusals are answers, and while a circuit is open there are
 * thousands of them a second, none of which needs a stack trace.
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
  /** What is wrong with an `invalid_input`. */
  readonly issues?: readonly InputIssue[];
}

/** Makes a refusal. */
export function refuse(reason: RefusalReason, message: string, retryAfterMs?: number): Refusal {
  return retryAfterMs === undefined
    ? { reason, message }
    : { reason, message, retryAfterMs: Math.max(1, Math.ceil(retryAfterMs)) };
}
