/**
 * The text of a value that many subscribers get. Of a dashboard's frame, nearly all are its figures by
 * currency, which all subscribers of a scope share: they are written once. So are the changes of the
 * currencies in a patch, which all subscribers share that go from one frame to another. For each
 * subscriber only the few fields around them are written, which are its own: the id of its
 * subscription, the number of the update, and the age at this moment. The status of an instance is
 * shared as a whole.
 *
 * Tested in tests/server/front/frames/frame_text_test.ts.
 */
import { Buffer } from "node:buffer";
import type { LiveUpdate } from "../../../client/contract/live_update.ts";
import type { OpsStatus } from "../../../client/contract/ops_status.ts";
import type { Snapshot } from "../../../client/contract/snapshot.ts";
import { textOf } from "../../live/updates/shared_text.ts";

/** A frame or an update as tRPC sends it over WebSocket. */
interface FrameMessage {
  readonly id?: unknown;
  readonly result: { readonly data: { readonly data: unknown } };
}

/** A value that many subscribers get. The one with an event's id can be resumed from. */
export type SharedValue =
  | { readonly eventId: string; readonly data: Snapshot | LiveUpdate }
  | { readonly eventId: null; readonly data: OpsStatus };

/** A value in two parts. */
interface Parted {
  /** The value without the shared part, in whose place is a zero. */
  readonly own: object;
  /** Null: nothing of the value is shared. */
  readonly shared: object | null;
}

/** The places of the shared part, in a text without it. In a string the quotes would be escaped. */
const CURRENCIES = '"currencies":0';
const WHOLE = '"data":0';
const ZERO = 1;

/** The head of a frame of WebSocket: this byte, and a size of 7, 16 or 64 bits. */
const WHOLE_TEXT = 0x81;
const SIXTEEN_BITS = 126;
const SIXTY_FOUR_BITS = 127;
const MAX_HEAD_BYTES = 10;

/** The message as `JSON.stringify` writes it, and a frame as the bytes of that. */
export function messageText(message: unknown): string | Uint8Array {
  const { own, shared } = partsOf(fieldOf(fieldOf(fieldOf(message, "result"), "data"), "data"));
  if (shared === null) return JSON.stringify(message);
  const { result } = message as FrameMessage;
  const around = { ...result, data: { ...result.data, data: own } };
  const text = JSON.stringify({ ...message as FrameMessage, result: around });
  return filled(text, CURRENCIES, shared, 0);
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
  const { own, shared } = partsOf(data);
  const result = { type: "data", data: { id: eventId, data: own }, id: eventId };
  return filled(JSON.stringify({ id, result }), CURRENCIES, shared, MAX_HEAD_BYTES);
}

/** One value of a subscription as a server-sent event, as tRPC writes it for a new subscription. */
export function eventText({ eventId, data }: SharedValue): Uint8Array {
  if (eventId === null) return filled("data: 0\n\n\n", "data: 0", data, 0);
  const { own, shared } = partsOf(data);
  return filled(`data: ${JSON.stringify(own)}\nid: ${eventId}\n\n\n`, CURRENCIES, shared, 0);
}

/** The parts of a snapshot, or of an update with a snapshot or a patch in it. */
function partsOf(value: unknown): Parted {
  const currencies = fieldOf(value, "currencies");
  if (Array.isArray(currencies)) {
    return { own: { ...value as object, currencies: 0 }, shared: currencies };
  }
  for (const name of ["snapshot", "patch"]) {
    const inner = fieldOf(value, name);
    if (!Array.isArray(fieldOf(inner, "currencies"))) continue;
    const { own, shared } = partsOf(inner);
    return { own: { ...value as object, [name]: own }, shared };
  }
  return { own: value as object, shared: null };
}

/** A text with the shared part at its place, behind `room` free bytes. */
function filled(around: string, place: string, shared: object | null, room: number): Buffer {
  if (shared === null) return Buffer.concat([Buffer.alloc(room), Buffer.from(around)]);
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

function fieldOf(value: unknown, name: string): unknown {
  const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
  return isObject ? (value as Record<string, unknown>)[name] : undefined;
}
