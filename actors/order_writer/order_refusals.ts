/**
 * The refusals of orders, and the rule above them all: an order that may have been stored is never
 * refused. Its caller hears `outcome_unknown` instead (`unlessStored`).
 *
 * Waits of 1,000 ms are chosen, not measured. In that time a balancer takes out a stopped instance,
 * or an overflow answers again.
 *
 * Tested in tests/actors/order_writer/order_writer_test.ts and group_spill_test.ts.
 */
import type { WaitingOrder } from "./mailbox/waiting_order.ts";
import { type BrokenRule, ruleInWords } from "../../client/contract/broken_rule.ts";
import { type Refusal, refuse } from "../../client/contract/refusal.ts";
import type { Answer } from "../../client/contract/order.ts";

export const OUTCOME_UNKNOWN = refuse(
  "outcome_unknown",
  "the store stopped answering while it had this order: send it again with the same key",
  1_000,
);

/** The answer to an order that was sent and got no reply. */
export const UNKNOWN_ANSWER: Answer = { ok: false, refusal: OUTCOME_UNKNOWN };

export const DEADLINE_EXCEEDED = refuse(
  "deadline_exceeded",
  "the order was not being stored by its deadline: nothing was stored",
);

/** Said when the writer's machine itself has failed. That is a bug. */
export const BROKEN = refuse("internal", "the order writer has failed: nothing was stored");

export const DRAINING = refuse("draining", "this instance is shutting down", 1_000);

export const IDEMPOTENCY_MISMATCH = refuse(
  "idempotency_mismatch",
  "the idempotency key was used before, with other content: nothing was stored",
);

/** @param retryAfterMs the time until the database is asked again. */
export function circuitOpen(retryAfterMs: number): Refusal {
  return refuse(
    "circuit_open",
    "the database is out and nothing durable can take the order: nothing was stored",
    retryAfterMs,
  );
}

/** @param waiting orders of the same store that wait. @param retryAfterMs the time that they take. */
export function queueFull(waiting: number, retryAfterMs: number): Refusal {
  const own = waiting === 0 ? "" : `, ${waiting} of them of this store`;
  const message = `too many orders are waiting${own}: nothing was stored`;
  return refuse("queue_full", message, retryAfterMs);
}

/** @param rule the rule that the order breaks. */
export function rejected(rule: BrokenRule, deadLetterId: string): Refusal {
  return {
    reason: "rejected",
    message: `the database refused this order for its content: ${
      ruleInWords(rule)
    }. Correct it under the same key`,
    deadLetterId,
    rule,
  };
}

/**
 * The answer to an order at fault whose dead letter is refused as well, while other orders are taken.
 * @param code the SQLSTATE of the order. @param parkCode the code of the dead letter.
 */
export function notParked(code: string, parkCode: string): Refusal {
  return refuse(
    "unavailable",
    `the database refused this order for its content (${code}), and refused to keep it as a ` +
      `dead letter (${parkCode}): nothing was stored`,
    1_000,
  );
}

/** The answer to a waiting order: `refusal`, or `outcome_unknown` if it may have been stored. */
export function unlessStored(waitingOrder: WaitingOrder, refusal: Refusal): Answer {
  return { ok: false, refusal: waitingOrder.maybeStored ? OUTCOME_UNKNOWN : refusal };
}
