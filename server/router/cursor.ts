/**
 * Cursors of pages: the text that a page ended with, decoded where the next page is asked for.
 *
 * Tested in tests/server/router/orders_test.ts.
 */
import { cursorInput } from "../../client/contract/text.ts";

/** An input that `decode` reads; text that it cannot read (null) is `invalid_input`. */
export function cursorOf<T>(decode: (text: string) => T | null) {
  return cursorInput.transform((text, context) => {
    const cursor = decode(text);
    if (cursor === null) context.addIssue("is not a cursor that this procedure returned");
    return cursor;
  }).optional();
}
