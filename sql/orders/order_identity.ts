/**
 * The identity of an order: its id, and the hash that tells whether two orders have one content.
 *
 * The id is derived from store and idempotency key. So every instance computes the same id without
 * the database. The primary key alone makes sure that each idempotency key has one order.
 *
 * Tested in tests/sql/orders/new_order_test.ts.
 */
import { Buffer } from "node:buffer";
import { hash } from "node:crypto";

/**
 * RFC 9562's namespace for names that are URLs, 6ba7b811-9dad-11d1-80b4-00c04fd430c8, as its bytes.
 * docs/contract.md names it too.
 */
const ORDER_NAMESPACE = [
  ...[0x6b, 0xa7, 0xb8, 0x11, 0x9d, 0xad, 0x11, 0xd1],
  ...[0x80, 0xb4, 0x00, 0xc0, 0x4f, 0xd4, 0x30, 0xc8],
];

/** The digit of a UUID that has the variant in its upper two bits. */
const VARIANTS = "89ab";

/** Namespace and name, for one hash at a time. The names of checked orders always fit. */
let hashed = Buffer.alloc(1_024);
hashed.set(ORDER_NAMESPACE);
const MAX_UNIT_BYTES = 3;

/**
 * The UUIDv5 (RFC 9562) of `<storeId>/<idempotencyKey>`. A store's name has no slash, so two different
 * pairs never give the same text. Made by one call of the runtime: a library's takes five times as long,
 * and every order needs one.
 */
export function orderIdOf(storeId: string, idempotencyKey: string): string {
  const name = `${storeId}/${idempotencyKey}`;
  const most = ORDER_NAMESPACE.length + MAX_UNIT_BYTES * name.length;
  if (most > hashed.length) hashed = Buffer.concat([hashed], 2 * most);
  const bytes = hashed.write(name, ORDER_NAMESPACE.length);
  const hex = hash("sha1", hashed.subarray(0, ORDER_NAMESPACE.length + bytes), "hex");
  const variant = VARIANTS[Number.parseInt(hex.charAt(16), 16) & 3];
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-5${hex.slice(13, 16)}` +
    `-${variant}${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

/** SHA-256 in hex over the content of an order. JSON marks where each part ends. */
export function contentHashOf(parts: readonly (string | null)[]): string {
  return hash("sha256", JSON.stringify(parts), "hex");
}
