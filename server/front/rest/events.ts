/**
 * Event streams of REST: a subscription as server-sent events. Each event's data is one JSON value. A
 * frame of figures has an id, and a request with that id as `Last-Event-ID` goes on behind it.
 *
 * A refusal before the first event is an answer with its own status. A later one, such as that of a
 * key which was revoked meanwhile, is the event `problem`, and the stream ends. The event `end` says
 * that nothing more will come. A stream that ends without one of the two has been cut: ask again.
 *
 * The next value is asked for when the connection has taken the one before, so a slow reader skips to
 * the newest frame, as event_stream.ts says.
 *
 * Tested in tests/server/front/rest/events_test.ts.
 */
import { isTrackedEnvelope } from "@trpc/server";
import type { OpsStatus } from "../../../client/contract/ops_status.ts";
import type { Snapshot } from "../../../client/contract/snapshot.ts";
import type { Connection, Context } from "../../router/context.ts";
import { PROCEDURES } from "../calls/plain_call.ts";
import type { Exchange } from "../exchange.ts";
import { eventText } from "../frames/frame_text.ts";
import type { Front } from "../front.ts";
import { Slots } from "../slots.ts";
import { EVENTS_TYPE } from "./accept.ts";
import type { Operation } from "./operations.ts";
import { problemOf } from "./problem.ts";

/**
 * The first event is waited for this long, so that a refusal has a status. A resumed stream may have
 * to wait longer: it begins without an event then.
 */
const FIRST_MS = 1_000;

const encoder = new TextEncoder();
const END = encoder.encode("event: end\ndata: {}\n\n");

/** @throws (the promise) the refusal of the subscription */
export async function streamOf(
  operation: Operation,
  exchange: Exchange,
  front: Front,
  { context, getRawInput }: { readonly context: Context; readonly getRawInput: () => unknown },
): Promise<Response> {
  const left = new AbortController();
  const signal = AbortSignal.any([exchange.gone, left.signal]);
  const { procedure: path } = operation;
  const values = await PROCEDURES.get(path)!({
    path,
    getRawInput: () => Promise.resolve().then(getRawInput),
    ctx: { ...context, connection: connectionOf(exchange) },
    type: "subscription",
    signal,
    batchIndex: 0,
  }) as AsyncIterable<unknown>;
  const iterator = values[Symbol.asyncIterator]();
  let first: Promise<IteratorResult<unknown>> | null = iterator.next();
  try {
    await soon(first);
  } catch (error) {
    left.abort();
    throw error;
  }
  const next = () => {
    const value = first ?? iterator.next();
    first = null;
    return value;
  };
  const end = () => {
    left.abort();
    // The stream is over: how its source ends does not matter.
    iterator.return?.().catch(() => undefined);
  };
  const body = bodyOf(next, { end, isOver: () => signal.aborted || front.isStopping });
  const headers = { "content-type": EVENTS_TYPE, "x-accel-buffering": "no" };
  return exchange.events.carry(new Response(body, { headers }));
}

/** Values are asked for in their turn, so no slot of the connection has to be waited for. */
function connectionOf({ streams, answers }: Exchange): Connection {
  return { streams, answers, slots: new Slots(() => Promise.resolve()) };
}

/** Resolves with the first value, or when it takes long. */
async function soon(first: Promise<unknown>): Promise<void> {
  first.catch(() => undefined); // whoever asks for it next hears of it
  let timer: ReturnType<typeof setTimeout> | undefined;
  const long = new Promise((resolve) => timer = setTimeout(resolve, FIRST_MS));
  await Promise.race([first, long]).finally(() => clearTimeout(timer));
}

function bodyOf(
  next: () => Promise<IteratorResult<unknown>>,
  { end, isOver }: { readonly end: () => void; readonly isOver: () => boolean },
): ReadableStream<Uint8Array> {
  const textOfNext = async (): Promise<{ text: Uint8Array; isLast: boolean }> => {
    try {
      const { done, value } = await next();
      return done === true ? { text: END, isLast: true } : { text: textOf(value), isLast: false };
    } catch (error) {
      const text = `event: problem\ndata: ${JSON.stringify(problemOf(error))}\n\n`;
      return { text: encoder.encode(text), isLast: true };
    }
  };
  return new ReadableStream<Uint8Array>({
    pull: async (controller) => {
      const { text, isLast } = await textOfNext();
      if (!isOver()) controller.enqueue(text);
      if (!isLast && !isOver()) return;
      controller.close();
      end();
    },
    cancel: end,
  }, { highWaterMark: 0 });
}

/** The text of one value: a frame of figures, the status of an instance or that of an order. */
function textOf(value: unknown): Uint8Array {
  if (isTrackedEnvelope<Snapshot>(value)) {
    const [eventId, data] = value;
    return eventText({ eventId, data });
  }
  if (typeof value === "string") {
    return encoder.encode(`data: ${JSON.stringify({ status: value })}\n\n`);
  }
  return eventText({ eventId: null, data: value as OpsStatus });
}
