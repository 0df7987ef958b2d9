/**
 * The body of a request, read into one buffer that grows with what arrives. Nothing is read before
 * the caller's key is known: then `dropBody` lets what is on its way pass, and keeps none of it.
 *
 * Tested in tests/server/front/message_bounds_test.ts and tests/system/door/unfinished_bodies_test.ts.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Share } from "./byte_budget.ts";

export const MAX_BODY_BYTES = 1_048_576;

/** Most bodies are one order, which fits in this. */
const FIRST_BYTES = 4_096;
/** The rest of a body that nobody wants may be on its way for this long. */
const DROP_MS = 1_000;
/** A longer rest is not waited for: to take it in costs more than the answer is worth. */
const DROP_BYTES = 65_536;

export type Body =
  | Uint8Array<ArrayBuffer>
  | "too_large"
  /** It was not there in full in time, or the client is gone. */
  | "too_slow"
  /** There is no room for it now. */
  | "no_room";

/**
 * Reads the body.
 * @param share pays for the buffer. The caller gives it back.
 */
export function readBody(
  incoming: IncomingMessage,
  share: Share,
  timeoutMs: number,
): Promise<Body> {
  const declared = Number(incoming.headers["content-length"] ?? 0);
  if (declared > MAX_BODY_BYTES) return Promise.resolve("too_large");
  if (!share.fits(declared)) return Promise.resolve("no_room");
  const { promise, resolve } = Promise.withResolvers<Body>();
  let kept = new Uint8Array();
  let bytes = 0;
  const end = (body: Body) => {
    clearTimeout(timer);
    incoming.off("data", receive);
    incoming.resume(); // without a listener, what still comes is thrown away
    resolve(body);
  };
  const receive = (chunk: Uint8Array) => {
    const needed = bytes + chunk.length;
    if (needed > MAX_BODY_BYTES) return end("too_large");
    if (needed > kept.length) {
      const larger = new Uint8Array(sizeFor(needed, kept.length, declared));
      if (!share.take(larger.length - kept.length)) return end("no_room");
      larger.set(kept.subarray(0, bytes));
      kept = larger;
    }
    kept.set(chunk, bytes); // a copy: the chunk is a part of a larger buffer of the socket
    bytes = needed;
  };
  const timer = setTimeout(() => end("too_slow"), timeoutMs);
  incoming.on("data", receive);
  incoming.once("end", () => end(kept.subarray(0, bytes)));
  incoming.once("close", () => end("too_slow"));
  incoming.once("error", () => end("too_slow"));
  return promise;
}

/** Twice the size, so that a long body is not copied often. What is declared is trusted when small. */
function sizeFor(needed: number, before: number, declared: number): number {
  const first = declared > 0 && declared <= FIRST_BYTES ? declared : FIRST_BYTES;
  return Math.min(Math.max(needed, 2 * before, first), MAX_BODY_BYTES);
}

/**
 * Lets a body pass that nobody reads, so that its sender takes the answer. A connection that is
 * closed while its client still sends loses the answer on its way.
 */
export function dropBody(incoming: IncomingMessage): Promise<void> {
  const declared = Number(incoming.headers["content-length"] ?? DROP_BYTES);
  if (incoming.complete || declared > DROP_BYTES) return Promise.resolve();
  const { promise, resolve } = Promise.withResolvers<void>();
  const end = () => {
    clearTimeout(timer);
    incoming.off("data", drop);
    resolve();
  };
  const timer = setTimeout(end, DROP_MS);
  let bytes = 0;
  const drop = (chunk: Uint8Array) => {
    bytes += chunk.length;
    if (bytes <= DROP_BYTES) return;
    incoming.pause(); // a body that does not say its size may be endless
    end();
  };
  incoming.once("end", end).once("close", end).once("error", end).on("data", drop);
  return promise;
}

/**
 * Call it before an answer is sent. Deno's node:http does not throw an unread body away: the connection
 * stays paused, and the next request on it is never read. So a body of at most `DROP_BYTES` is read and
 * thrown away. After a longer or a slower one the connection closes with the answer.
 */
export async function leaveNoRest(
  { incoming, outgoing }: { readonly incoming: IncomingMessage; readonly outgoing: ServerResponse },
): Promise<void> {
  if (incoming.complete) {
    if (incoming.readableLength > 0) incoming.resume();
    return;
  }
  if (!outgoing.shouldKeepAlive) return;
  // A client that waits for a word before it sends its body has not had it.
  if (incoming.headers.expect === undefined) await dropBody(incoming);
  if (!incoming.complete) outgoing.shouldKeepAlive = false;
}
