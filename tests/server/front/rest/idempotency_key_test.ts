/** The header `Idempotency-Key`: quoted, bare, and neither. */
import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { Refused } from "../../../../client/contract/refused.ts";
import { idempotencyKeyOf } from "../../../../server/front/rest/idempotency_key.ts";

const keyOf = (value: string) => idempotencyKeyOf(["Host", "weir", "idempotency-KEY", value]);

Deno.test("a key in quotes is the text between them, whatever printable text it is", () => {
  const printable = fc.stringMatching(/^[\x20-\x7e]{1,255}$/);
  fc.assert(
    fc.property(printable, (key) => {
      const quoted = `"${key.replaceAll(/["\\]/g, (one) => `\\${one}`)}"`;
      assertEquals(keyOf(quoted), key);
      assertEquals(keyOf(`${quoted};v=1`), key, "parameters are left out");
    }),
    { seed: 1 },
  );
});

Deno.test("a bare key is its text as it is", () => {
  for (
    const key of ["cart-1", "123", "?1", "a, b", "8e03978e-40d5-43dd-bc93-6894a57f9324", ":YQ==:"]
  ) {
    assertEquals(keyOf(key), key);
  }
  assertEquals(idempotencyKeyOf(["Host", "Idempotency-Key"]), null, "a value is no name");
  assertEquals(idempotencyKeyOf([]), null);
});

Deno.test("a key that begins with a quote and is no string is refused with the reason", () => {
  for (const value of ['"', '"cart', '"a"b"', '"a" b', '"a\\b"', '"ä"', '"a", "b"']) {
    const refused = assertThrows(() => keyOf(value), Refused, "in quotes");
    assertEquals(refused.refusal.issues?.map(({ path }) => path), ["Idempotency-Key"], value);
  }
});

Deno.test("a key that is sent twice is refused, also when both are the same", () => {
  const twice = ["Idempotency-Key", "a", "X", "y", "idempotency-key", "a"];
  assertThrows(() => idempotencyKeyOf(twice), Refused, "once");
});
