/**
 * A refusal as data: a reason from the contract's table, a sentence for a person, and the time to
 * wait where waiting helps.
 *
 * A refusal is a plain object and not an Error, because it is an answer. While a circuit is open
 * there are thousands of refusals a second, and none of them needs a stack trace.
 *
 * Tested in tests/server/router/errors_test.ts.
 */
import type { BrokenRule } from "./broken_rule.ts";

/** Every reason of the contract's error table. */
export type RefusalReason =
  | "invalid_input"
  | "unauthenticated"
  | "forbidden"
  | "not_found"
  | "letter_closed"
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

/** A mistake in an input. */
export interface InputIssue {
  /** The place, such as `lines.0.sku`. Empty for the input as a whole. */
  readonly path: string;
  readonly message: string;
}

export interface Refusal {
  readonly reason: RefusalReason;
  readonly message: string;
  /** Milliseconds after which another try makes sense. */
  readonly retryAfterMs?: number;
  /** The dead letter that keeps a `rejected` order. */
  readonly deadLetterId?: string;
  /** The rule that a `rejected` order breaks. */
  readonly rule?: BrokenRule;
  /** The issues of an `invalid_input`. */
  readonly issues?: readonly InputIssue[];
}

/** Makes a refusal. */
export function refuse(reason: RefusalReason, message: string, retryAfterMs?: number): Refusal {
  return retryAfterMs === undefined
    ? { reason, message }
    : { reason, message, retryAfterMs: Math.max(1, Math.ceil(retryAfterMs)) };
}
