/**
 * The text of a frame for many subscribers. Nearly all of a frame are its figures by currency, which
 * all subscribers of a scope share: they are written once. For each subscriber only the few fields
 * around them are written, which are its own: the id of its subscription, and the age at this moment.
 *
 * Tested in tests/server/front/frame_text_test.ts.
 */
import type { Snapshot } from "../../client/contract/snapshot.ts";

/** A frame of `dashboard.live` as tRPC sends it over WebSocket. */
interface FrameMessage {
  readonly result: { readonly data: { readonly data: Snapshot } };
}

/** The figures as JSON, for as long as anybody holds them. */
const TEXTS = new WeakMap<object, string>();

/** The message as `JSON.stringify` writes it. */
export function messageText(message: unknown): string {
  if (!isFrame(message)) return JSON.stringify(message);
  const { result } = message;
  const snapshot = result.data.data;
  const own = { ...snapshot, currencies: 0 };
  const around = JSON.stringify({
    ...message,
    result: { ...result, data: { ...result.data, data: own } },
  });
  // The figures are the last field of the snapshot, which is the last one of all around it.
  return `${around.slice(0, -PLACE.length)}${textOf(snapshot.currencies)}${ENDS}`;
}

/** The ends of the snapshot, of the tracked data, of the result and of the message. */
const ENDS = "}}}}";
const PLACE = `0${ENDS}`;

function textOf(currencies: Snapshot["currencies"]): string {
  let text = TEXTS.get(currencies);
  if (text === undefined) {
    text = JSON.stringify(currencies);
    TEXTS.set(currencies, text);
  }
  return text;
}

/** True for a message whose last fields are those of a snapshot with its figures. */
function isFrame(message: unknown): message is FrameMessage {
  const data = lastField(lastField(message, "result"), "data");
  return Array.isArray(lastField(lastField(data, "data"), "currencies"));
}

/** The last field of an object; undefined when it has another name. */
function lastField(value: unknown, name: string): unknown {
  if (typeof value !== "object" || value === null) return undefined;
  let last = "";
  for (const key in value) last = key;
  return last === name ? (value as Record<string, unknown>)[name] : undefined;
}
