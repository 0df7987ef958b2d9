/**
 * Which order an order is, and whether two have the same content.
 *
 * The id is derived from store and idempotency key, so every instance gives the same answer
 * without asking the database, and the primary key alone keeps one key one order.
 */
import { createHash } from "node:crypto";
import { v5 } from "uuid";

/** RFC 9562's namespace for names that are URLs; the contract names it. */
const ORDER_NAMESPACE = "6ba7b811-9dad-11d1-80b4-00c04fd430c8";

/** The UUIDv5 of `<storeId>/<idempotencyKey>`. A store's name has no slash, so no two pairs meet. */
export function orderIdOf(storeId: string, idempotencyKey: string): string {
  return v5(`${storeId}/${idempotencyKey}`, ORDER_NAMESPACE);
}

/** SHA-256 in hex over the parts of an order that make its content, each bounded by its JSON. */
export function contentHashOf(parts: readonly (string | null)[]): string {
  return createHash("sha256").update(JSON.stringify(parts)).digest("hex");
}
