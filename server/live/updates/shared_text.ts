/**
 * Shared texts: the JSON of a value that many subscribers get, written once for all of them and kept
 * for as long as anybody holds the value.
 *
 * Tested in tests/server/front/frames/frame_text_test.ts.
 */
import { Buffer } from "node:buffer";

const TEXTS = new WeakMap<object, Buffer>();

/** The JSON of a value that nobody changes any more, as bytes. */
export function textOf(shared: object): Buffer {
  let text = TEXTS.get(shared);
  if (text === undefined) {
    text = Buffer.from(JSON.stringify(shared));
    TEXTS.set(shared, text);
  }
  return text;
}
