/**
 * The text of a frame for many subscribers. Nearly all of a frame are its figures by currency, which
 * all subscribers of a scope share: they are written once. For each subscriber only the few fields
 * around them are written, which are its own: the id of its subscription, and the age at this moment.
 *
 * Tested in tests/server/front/frames/frame_text_test.ts.
 */
import { Buffer } from "node:buffer";
import type { Snapshot } from "../../../client/contract/snapshot.ts";

/** A frame of `dashboard.live` as tRPC sends it over WebSocket. */
interface FrameMessage {
  readonly id?: unknown;
  readonly result: { readonly data: { readonly data: Snapshot } };
}

/** The figures as bytes of JSON, for as long as anybody holds them. */
const TEXTS = new WeakMap<object, Buffer>();

/** The place of the figures, in a text without them. In a string the quotes would be escaped. */
const PLACE = '"currencies":0';
const ZERO = 1;

/** The head of a frame of WebSocket: this byte, and a size of 7, 16 or 64 bits. */
const WHOLE_TEXT = 0x81;
const SIXTEEN_BITS = 126;
const SIXTY_FOUR_BITS = 127;
const MAX_HEAD_BYTES = 10;

/** The message as `JSON.stringify` writes it, and a frame as the bytes of that. */
export function messageText(message: unknown): string | Uint8Array {
  return isFrame(message) ? bytesOf(message, 0) : JSON.stringify(message);
}

/**
 * One value of a subscription as a whole frame of WebSocket (RFC 6455): its head and its text in one
 * piece, so that the system writes one piece.
 */
export function socketFrame(id: number | string, eventId: string, data: Snapshot): Uint8Array {
  const result = { type: "data", data: { id: eventId, data }, id: eventId };
  const bytes = bytesOf({ id, result }, MAX_HEAD_BYTES);
  const size = bytes.length - MAX_HEAD_BYTES;
  const head = size < SIXTEEN_BITS ? 2 : size <= 0xffff ? 4 : MAX_HEAD_BYTES;
  const frame = bytes.subarray(MAX_HEAD_BYTES - head);
  frame[0] = WHOLE_TEXT;
  frame[1] = head === 2 ? size : head === 4 ? SIXTEEN_BITS : SIXTY_FOUR_BITS;
  if (head === 4) frame.writeUInt16BE(size, 2);
  if (head === MAX_HEAD_BYTES) frame.writeBigUInt64BE(BigInt(size), 2);
  return frame;
}

/** The text of a frame behind `room` free bytes. */
function bytesOf(message: FrameMessage, room: number): Buffer {
  const { result } = message;
  const snapshot = result.data.data;
  const own = { ...snapshot, currencies: 0 };
  const around = JSON.stringify({
    ...message,
    result: { ...result, data: { ...result.data, data: own } },
  });
  const at = around.lastIndexOf(PLACE) + PLACE.length - ZERO;
  const [begin, end] = [around.slice(0, at), around.slice(at + ZERO)];
  const figures = textOf(snapshot.currencies);
  const size = Buffer.byteLength(begin) + figures.length + Buffer.byteLength(end);
  const bytes = Buffer.allocUnsafe(room + size);
  const figuresAt = room + bytes.write(begin, room);
  bytes.set(figures, figuresAt);
  bytes.write(end, figuresAt + figures.length);
  return bytes;
}

function textOf(currencies: Snapshot["currencies"]): Buffer {
  let text = TEXTS.get(currencies);
  if (text === undefined) {
    text = Buffer.from(JSON.stringify(currencies));
    TEXTS.set(currencies, text);
  }
  return text;
}

function isFrame(message: unknown): message is FrameMessage {
  const snapshot = fieldOf(fieldOf(fieldOf(message, "result"), "data"), "data");
  return Array.isArray(fieldOf(snapshot, "currencies"));
}

function fieldOf(value: unknown, name: string): unknown {
  const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
  return isObject ? (value as Record<string, unknown>)[name] : undefined;
}
