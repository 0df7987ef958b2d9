/**
 * The text of a value that many subscribers get. Of a dashboard's frame, nearly all are its figures by
 * currency, which all subscribers of a scope share: they are written once. For each subscriber only
 * the few fields around them are written, which are its own: the id of its subscription, and the age
 * at this moment. The status of an instance is shared as a whole.
 *
 * Tested in tests/server/front/frames/frame_text_test.ts.
 */
import { Buffer } from "node:buffer";
import type { OpsStatus } from "../../../client/contract/ops_status.ts";
import type { Snapshot } from "../../../client/contract/snapshot.ts";

/** A frame of `dashboard.live` as tRPC sends it over WebSocket. */
interface FrameMessage {
  readonly id?: unknown;
  readonly result: { readonly data: { readonly data: Snapshot } };
}

/** A value that many subscribers get. The one with an event's id is a frame, which can be resumed. */
export type SharedValue =
  | { readonly eventId: string; readonly data: Snapshot }
  | { readonly eventId: null; readonly data: OpsStatus };

/** The shared parts as bytes of JSON, for as long as anybody holds them. */
const TEXTS = new WeakMap<object, Buffer>();

/** The places of the shared part, in a text without it. In a string the quotes would be escaped. */
const FIGURES = '"currencies":0';
const WHOLE = '"data":0';
const ZERO = 1;

/** The head of a frame of WebSocket: this byte, and a size of 7, 16 or 64 bits. */
const WHOLE_TEXT = 0x81;
const SIXTEEN_BITS = 126;
const SIXTY_FOUR_BITS = 127;
const MAX_HEAD_BYTES = 10;

/** The message as `JSON.stringify` writes it, and a frame as the bytes of that. */
export function messageText(message: unknown): string | Uint8Array {
  if (!isFrame(message)) return JSON.stringify(message);
  const { result } = message;
  const { data } = result.data;
  const own = { ...result, data: { ...result.data, data: ownOf(data) } };
  return filled(JSON.stringify({ ...message, result: own }), FIGURES, data.currencies, 0);
}

/**
 * One value of a subscription as a whole frame of WebSocket (RFC 6455): its head and its text in one
 * piece, so that the system writes one piece.
 */
export function socketFrame(id: number | string, value: SharedValue): Uint8Array {
  const bytes = socketText(id, value);
  const size = bytes.length - MAX_HEAD_BYTES;
  const head = size < SIXTEEN_BITS ? 2 : size <= 0xffff ? 4 : MAX_HEAD_BYTES;
  const frame = bytes.subarray(MAX_HEAD_BYTES - head);
  frame[0] = WHOLE_TEXT;
  frame[1] = head === 2 ? size : head === 4 ? SIXTEEN_BITS : SIXTY_FOUR_BITS;
  if (head === 4) frame.writeUInt16BE(size, 2);
  if (head === MAX_HEAD_BYTES) frame.writeBigUInt64BE(BigInt(size), 2);
  return frame;
}

/** The text of a value as tRPC writes it, behind room for the head. */
function socketText(id: number | string, { eventId, data }: SharedValue): Buffer {
  if (eventId === null) {
    const around = JSON.stringify({ id, result: { type: "data", data: 0 } });
    return filled(around, WHOLE, data, MAX_HEAD_BYTES);
  }
  const result = { type: "data", data: { id: eventId, data: ownOf(data) }, id: eventId };
  return filled(JSON.stringify({ id, result }), FIGURES, data.currencies, MAX_HEAD_BYTES);
}

/** One value of a subscription as a server-sent event, as tRPC writes it for a new subscription. */
export function eventText({ eventId, data }: SharedValue): Uint8Array {
  if (eventId === null) return filled("data: 0\n\n\n", "data: 0", data, 0);
  const around = `data: ${JSON.stringify(ownOf(data))}\nid: ${eventId}\n\n\n`;
  return filled(around, FIGURES, data.currencies, 0);
}

/** The fields of a frame that are each subscriber's own. */
const ownOf = (snapshot: Snapshot) => ({ ...snapshot, currencies: 0 });

/** A text with the shared part at its place, behind `room` free bytes. */
function filled(around: string, place: string, shared: object, room: number): Buffer {
  const at = around.lastIndexOf(place) + place.length - ZERO;
  const [begin, end] = [around.slice(0, at), around.slice(at + ZERO)];
  const text = textOf(shared);
  const size = Buffer.byteLength(begin) + text.length + Buffer.byteLength(end);
  const bytes = Buffer.allocUnsafe(room + size);
  const textAt = room + bytes.write(begin, room);
  bytes.set(text, textAt);
  bytes.write(end, textAt + text.length);
  return bytes;
}

function textOf(shared: object): Buffer {
  let text = TEXTS.get(shared);
  if (text === undefined) {
    text = Buffer.from(JSON.stringify(shared));
    TEXTS.set(shared, text);
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
