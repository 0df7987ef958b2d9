/**
 * The header `Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header): a string of Structured
 * Fields, such as `"cart-1"`. Many clients send the key without quotes, so that is taken too.
 *
 * Tested in tests/server/front/rest/idempotency_key_test.ts.
 */
import { ParseError, parseItem } from "structured-headers";
import { invalidInput } from "../../../client/contract/refused.ts";

export const KEY_HEADER = "Idempotency-Key";

/**
 * The key of a request's headers; null: there is none.
 * @param rawHeaders names and values in turns, as node:http gives them
 * @throws Refused invalid_input
 */
export function idempotencyKeyOf(rawHeaders: readonly string[]): string | null {
  const values = rawHeaders.filter((_, index) =>
    index % 2 === 1 && rawHeaders[index - 1]!.toLowerCase() === KEY_HEADER.toLowerCase()
  );
  if (values.length > 1) throw invalidInput(KEY_HEADER, "must be sent once");
  const [value = null] = values;
  return value === null || !value.startsWith('"') ? value : quoted(value);
}

function quoted(value: string): string {
  try {
    const [key] = parseItem(value);
    if (typeof key === "string") return key;
  } catch (error) {
    if (!(error instanceof ParseError)) throw error;
  }
  throw invalidInput(KEY_HEADER, 'must be a string in quotes, such as "cart-1", or bare: cart-1');
}
