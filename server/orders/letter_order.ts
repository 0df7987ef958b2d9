/**
 * The order that a dead letter is replayed with: its own payload, or an operator's correction of it.
 *
 * The order must be the letter's, by store and key. The letter's own payload is checked too, because
 * a newer version may have written it, or a person may have changed it by hand.
 *
 * Tested in tests/server/orders/dead_letters_test.ts.
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
 * @throws Refused invalid_input; with `rule` when the letter's own payload is no order
 */
export function orderOfLetter(letter: DeadLetter, corrected: PlaceOrder | null): PlaceOrder {
  const { storeId, orderId } = letter;
  const order = corrected ?? storedOrder(letter);
  if (order.storeId !== storeId) throw invalidInput("payload.storeId", `must stay ${storeId}`);
  if (orderIdOf(storeId, order.idempotencyKey) === orderId) return order;
  const key = letter.payload?.idempotencyKey;
  const own = orderIdOf(storeId, key) === orderId ? key : "the key of the letter's order";
  throw invalidInput("payload.idempotencyKey", `must stay ${own}`);
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
