/**
 * What an order's caller is told when it is not acknowledged, and the rule that comes before all
 * of it: an order that may have been stored is never refused.
 */
import type { WaitingOrder } from "./mailbox.ts";
import { type Refusal, refuse } from "../../client/contract/refusal.ts";
import type { Answer } from "../../client/contract/order.ts";

export const OUTCOME_UNKNOWN = refuse(
  "outcome_unknown",
  "the store stopped answering while it had this order: send it again with the same key",
  1_000,
);

/** For an order that was sent and that nothing was heard of. */
export const UNKNOWN_ANSWER: Answer = { ok: false, refusal: OUTCOME_UNKNOWN };

export const DEADLINE_EXCEEDED = refuse(
  "deadline_exceeded",
  "the order was not being stored by its deadline: nothing was stored",
);

/** The writer's machine itself has failed, which is a bug. */
export const BROKEN = refuse("internal", "the order writer has failed: nothing was stored");

export const DRAINING = refuse("draining", "this instance is shutting down", 1_000);

export const IDEMPOTENCY_MISMATCH = refuse(
  "idempotency_mismatch",
  "the idempotency key was used before, with other content: nothing was stored",
);

/** `retryAfterMs`: until the database has been asked again. */
export function circuitOpen(retryAfterMs: number): Refusal {
  return refuse(
    "circuit_open",
    "the database is out and nothing durable can take the order: nothing was stored",
    retryAfterMs,
  );
}

export function queueFull(retryAfterMs: number): Refusal {
  return refuse("queue_full", "too many orders are waiting: nothing was stored", retryAfterMs);
}

/** `code` is the SQLSTATE that the database gave. */
export function rejected(code: string, deadLetterId: string): Refusal {
  return {
    reason: "rejected",
    message:
      `the database refused this order for its content (${code}): correct it under the same key`,
    deadLetterId,
  };
}

/** `refusal` as the answer to a waitingOrder, unless its order may have been stored. */
export function unlessStored(waitingOrder: WaitingOrder, refusal: Refusal): Answer {
  return { ok: false, refusal: waitingOrder.maybeStored ? OUTCOME_UNKNOWN : refusal };
}
