/**
 * The order that a dead letter is replayed with: its own payload, or an operator's correction of it.
 *
 * The order must be the letter's, by store and key. The letter's own payload is checked too, because
 * a newer version may have written it, or a person may have changed it by hand.
 */
import type { DeadLetter } from "../../client/contract/dead_letter.ts";
import { placeInput, type PlaceOrder } from "../../client/contract/order.ts";
import { refuse } from "../../client/contract/refusal.ts";
import { invalidInput, Refused } from "../../client/contract/refused.ts";
import { noOrderRule } from "../../sql/orders/broken_rule.ts";
import { orderIdOf } from "../../sql/orders/order_identity.ts";

/** An answer must stay small, whatever stands in the letter. */
const MAX_ISSUES = 50;

/**
 * The order to place.
 * @param corrected null: the letter's own payload.
 * @throws Refused invalid_input; with `rule` when the letter's own payload is not its order
 */
export function orderOfLetter(letter: DeadLetter, corrected: PlaceOrder | null): PlaceOrder {
  const { storeId, orderId } = letter;
  const order = corrected ?? storedOrder(letter);
  const isOwn = corrected === null;
  if (order.storeId !== storeId) throw otherOrder("payload.storeId", `must stay ${storeId}`, isOwn);
  if (orderIdOf(storeId, order.idempotencyKey) === orderId) return order;
  const key = letter.payload?.idempotencyKey;
  const kept = orderIdOf(storeId, key) === orderId ? key : "the key of the letter's order";
  throw otherOrder("payload.idempotencyKey", `must stay ${kept}`, isOwn);
}

/** @param isOwn true for the letter's own payload, which fails in the same way each time */
function otherOrder(path: string, message: string, isOwn: boolean): Refused {
  const refused = invalidInput(path, message);
  return isOwn ? new Refused({ ...refused.refusal, rule: noOrderRule(refused.message) }) : refused;
}

function storedOrder({ payload }: DeadLetter): PlaceOrder {
  const parsed = placeInput.safeParse(payload);
  if (parsed.success) return parsed.data;
  const issues = parsed.error.issues.slice(0, MAX_ISSUES).map(({ path, message }) => ({
    path: ["payload", ...path].join("."),
    message,
  }));
  const rule = noOrderRule(issues.map(({ path, message }) => `${path}: ${message}`)[0] ?? "");
  const message = `${rule.message}. Replay the letter with a corrected payload`;
  throw new Refused({ ...refuse("invalid_input", message), issues, rule });
}
