/**
 * The verdict on one try to place an order: stored, refused for good, refused for now, or without an
 * answer. Every caller of Weir has to make this distinction, and it decides whether an order is sent again.
 *
 * Tested in tests/client/api/verdict_test.ts.
 */
import type { RefusalReason } from "../contract/mod.ts";

/**
 * - A reason of the contract: Weir has answered.
 * - `no_answer`: none came, or not from Weir: the network, a time that was over, a proxy's page.
 * - `no_connection`: none could be made, so nothing was sent. Browsers do not tell it from the one before.
 * - `no_token`: the caller's function has brought none, so nothing was sent.
 * - `aborted`: the caller's signal, or the client was closed.
 */
export type FailureReason = RefusalReason | "no_answer" | "no_connection" | "no_token" | "aborted";

/**
 * - `content`: no try of this order can pass, and none has. It holds for the tries before as well.
 * - `caller`: no try of this caller passes. A try before may have been stored.
 * - `for_now`: this try stored nothing, and another one may pass.
 * - `unsent`: nothing has left this machine, whatever the runtime does. Another try may pass.
 * - `unknown`: this try may have stored the order. Another one finds out.
 */
export type Verdict = "content" | "caller" | "for_now" | "unsent" | "unknown";

const VERDICTS: Readonly<Record<FailureReason, Verdict>> = {
  invalid_input: "content",
  idempotency_mismatch: "content",
  rejected: "content",
  payload_too_large: "content",
  unauthenticated: "caller",
  forbidden: "caller",
  aborted: "caller",
  // No call that places an order answers these.
  not_found: "caller",
  letter_closed: "caller",
  not_committed_yet: "caller",
  queue_full: "for_now",
  rate_limited: "for_now",
  circuit_open: "for_now",
  deadline_exceeded: "for_now",
  unavailable: "for_now",
  draining: "for_now",
  outcome_unknown: "unknown",
  internal: "unknown",
  no_answer: "unknown",
  no_connection: "unsent",
  no_token: "unsent",
};

/** True when the same call may pass at another time. */
export function mayPassLater(reason: FailureReason): boolean {
  const verdict = verdictOn(reason);
  return verdict === "for_now" || verdict === "unsent" || verdict === "unknown";
}

/** A reason that a newer server has says nothing certain. */
export function verdictOn(reason: FailureReason): Verdict {
  return VERDICTS[reason] ?? "unknown";
}
