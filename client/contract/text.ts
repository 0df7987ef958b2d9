/**
 * Text in inputs: the rules that every name, note and cursor of a call follows.
 * Tested in tests/sql/orders/new_order_test.ts.
 */
import { z } from "zod";

const CONTROL_CHARACTER = /\p{Cc}/u;
const STORE_ID = /^[a-z0-9][a-z0-9_-]{0,63}$/;

/**
 * Text of `min` to `max` UTF-16 units, well formed and without control characters.
 *
 * The type is checked before the length: zod's length check also reads a `length` that a client put
 * into an object, and throws when it cannot compare it. Arrays in inputs follow the same rule.
 */
export function plainText(min: number, max: number) {
  return z.string().pipe(z.string().min(min).max(max))
    .refine((text) => text.isWellFormed(), { error: "must not contain a lone surrogate" })
    .refine((text) => !CONTROL_CHARACTER.test(text), {
      error: "must not contain a control character",
    });
}

/** A store's name: lower case letters, digits, `_` and `-`, 1 to 64 characters. */
export const storeIdInput = z.string().regex(STORE_ID, {
  error: ({ input }) => `must match ${STORE_ID.source}${meantStoreId(String(input))}`,
});

/** The store's name that was probably meant: `North Gate` is `north-gate`. */
function meantStoreId(text: string): string {
  const name = text.slice(0, 80).trim().toLowerCase().replaceAll(/[\s.]+/g, "-");
  return STORE_ID.test(name) ? `, did you mean ${name}?` : "";
}

/** A page's cursor as the procedure before it returned it; the server alone can read it. */
export const cursorInput = z.string().pipe(z.string().max(256));
