/**
 * The id of an order, and the hash that tells whether two orders have the same content.
 *
 * The id is derived from the store and the idempotency key. Every instance therefore computes the
 * same id without asking the database, and the primary key alone allows one order per key.
 * Tested in tests/sql/orders/new_order_test.ts.
 */
import { createHash } from "node:crypto";
import { v5 } from "uuid";

/** RFC 9562's namespace for names that are URLs; docs/contract.md names it. */
const ORDER_NAMESPACE = "6ba7b811-9dad-11d1-80b4-00c04fd430c8";

/** The UUIDv5 of `<storeId>/<idempotencyKey>`. A store id has no slash, so two pairs never meet. */
export function orderIdOf(storeId: string, idempotencyKey: string): string {
  return v5(`${storeId}/${idempotencyKey}`, ORDER_NAMESPACE);
}

/** SHA-256 in hex over the parts of an order's content. JSON marks where each part ends. */
export function contentHashOf(parts: readonly (string | null)[]): string {
  return createHash("sha256").update(JSON.stringify(parts)).digest("hex");
}
