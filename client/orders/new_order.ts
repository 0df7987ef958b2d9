/**
 * An order before it is sent: its idempotency key, made where none is given, and its id, which follows
 * from store and key. So both are known, and can be kept, before the first byte leaves.
 *
 * Tested in tests/client/orders/new_order_test.ts.
 */
import { v4, v5 } from "uuid";
import type { NamedOrder } from "../api/weir_error.ts";
import type { PlaceInput } from "../contract/mod.ts";

/** An order as a caller writes it. Without `idempotencyKey` it gets a random one. */
export type NewOrder = Omit<PlaceInput, "idempotencyKey" | "deadlineMs"> & {
  readonly idempotencyKey?: string | undefined;
};

/** An order with its key. Placing it again, at any time and from anywhere, places it once. */
export type KeyedOrder = NewOrder & { readonly idempotencyKey: string };

/** An order that can be sent. */
export interface PreparedOrder {
  readonly orderId: string;
  readonly order: KeyedOrder;
  /** Its length as JSON, UTF-16 units. */
  readonly jsonLength: number;
}

/**
 * The order with a key, and the id that it has or will have. Nothing is sent. The order is a copy: a
 * cart that changes while an order is on its way must not change the order.
 * @throws TypeError when it cannot be written as JSON
 */
export function prepareOrder(order: NewOrder): PreparedOrder {
  if (typeof order !== "object" || order === null) throw new TypeError("an order is missing");
  const json = JSON.stringify({ ...order, idempotencyKey: order.idempotencyKey ?? v4() });
  const keyed = JSON.parse(json) as KeyedOrder;
  const orderId = orderIdOf(keyed.storeId, keyed.idempotencyKey);
  return { orderId, order: keyed, jsonLength: json.length };
}

/** The UUIDv5 (RFC 9562) of `<storeId>/<idempotencyKey>`, as the contract has it. */
function orderIdOf(storeId: string, idempotencyKey: string): string {
  return v5(`${storeId}/${idempotencyKey}`, v5.URL);
}

export function nameOf({ storeId, idempotencyKey }: KeyedOrder): NamedOrder {
  return { storeId, orderId: orderIdOf(storeId, idempotencyKey), idempotencyKey };
}
