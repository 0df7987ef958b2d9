/**
 * The identity of an order: its id, and the hash that tells whether two orders have one content.
 *
 * The id is derived from store and idempotency key. So every instance computes the same id without
 * the database. The primary key alone makes sure that each idempotency key has one order.
 *
 * Tested in tests/sql/orders/new_order_test.ts.
 */
import { createHash } from "node:crypto";
import { v5 } from "uuid";

/** RFC 9562's namespace for names that are URLs. docs/contract.md names it too. */
const ORDER_NAMESPACE = "6ba7b811-9dad-11d1-80b4-00c04fd430c8";

/**
 * The UUIDv5 of `<storeId>/<idempotencyKey>`. A store's name has no slash, so two different pairs
 * never give the same text.
 */
export function orderIdOf(storeId: string, idempotencyKey: string): string {
  return v5(`${storeId}/${idempotencyKey}`, ORDER_NAMESPACE);
}

/** SHA-256 in hex over the content of an order. JSON marks where each part ends. */
export function contentHashOf(parts: readonly (string | null)[]): string {
  return createHash("sha256").update(JSON.stringify(parts)).digest("hex");
}
