/**
 * Requests for calls of tRPC: who calls (caller.ts), and then the plain answers or tRPC's own adapter.
 *
 * Tested in tests/server/front/message_bounds_test.ts and tests/server/front/calls.
 */
import { Buffer } from "node:buffer";
import type { Context } from "../../router/context.ts";
import { type Body, leaveNoRest } from "../connections/body.ts";
import { withHeaders } from "../door.ts";
import type { Exchange } from "../exchange.ts";
import { NO_ROOM, TOO_LARGE } from "../refused_requests.ts";
import type { Front } from "../front.ts";
import { answerCalls } from "./answer_calls.ts";
import { bodyOf, callerOf } from "./caller.ts";
import { plainCallsOf } from "./plain_call.ts";
import { answerByStock } from "./stock_adapter.ts";

/** A `Request` cannot be made for these. */
const IMPOSSIBLE_METHODS: ReadonlySet<string> = new Set(["CONNECT", "TRACE", "TRACK"]);

const decoder = new TextDecoder();

type Headers = Readonly<Record<string, string>>;

/**
 * Answers a request for calls.
 * @param url makes the address of the request, which only the stock adapter needs.
 * @param doorHeaders stand in every answer.
 * @returns null when the answer has been sent
 */
export async function answerCallRequest(
  exchange: Exchange,
  url: () => URL,
  doorHeaders: Headers,
  front: Front,
): Promise<Response | null> {
  const { method = "GET" } = exchange.incoming;
  if (IMPOSSIBLE_METHODS.has(method)) {
    return withHeaders(new Response(null, { status: 405 }), doorHeaders);
  }
  const { token, identified, principal } = await callerOf(exchange, front);
  const share = front.unread.open(principal?.keyId ?? "");
  try {
    // tRPC reads a body of POST only.
    const body = method === "POST" ? await bodyOf(exchange, principal, share, front) : null;
    if (!(body instanceof Uint8Array) && body !== null) {
      return withHeaders(refusalOf(body, exchange), doorHeaders);
    }
    const context = { services: front.services, token, identified, connection: exchange };
    if (await isAnsweredPlainly(exchange, body, context, doorHeaders, front)) return null;
    const onTooMany = () => front.metrics.doorRefusals.inc({ why: "calls" });
    const response = await answerByStock(exchange, url(), body, context, onTooMany);
    return withHeaders(response, doorHeaders);
  } finally {
    share.giveBack();
  }
}

/** Answers the request if its calls are plain. @returns false when the stock adapter has to */
async function isAnsweredPlainly(
  exchange: Exchange,
  body: Uint8Array | null,
  context: Context,
  doorHeaders: Headers,
  front: Front,
): Promise<boolean> {
  const { method = "GET", url = "", headers } = exchange.incoming;
  const plain = plainCallsOf({
    method,
    url,
    contentType: headers["content-type"],
    accept: headers.accept,
    trpcAccept: headers["trpc-accept"],
  });
  if (plain === null) return false;
  const text = body === null ? "" : decoder.decode(body);
  const { status, retryAfterSeconds, body: answer } = await answerCalls(plain, text, context);
  await leaveNoRest(exchange);
  if (front.isStopping) exchange.outgoing.shouldKeepAlive = false;
  exchange.send(status, {
    ...headersOfAnswer(doorHeaders),
    ...(retryAfterSeconds === null ? {} : { "retry-after": retryAfterSeconds }),
    "content-length": Buffer.byteLength(answer),
  }, answer);
  return true;
}

/** tRPC's answers differ by these headers of the request. */
const VARY = "trpc-accept, accept";

/** The headers of an answer to plain calls. @param doorHeaders those of every answer to calls */
export function headersOfAnswer(doorHeaders: Headers): Record<string, string | number> {
  const { vary } = doorHeaders;
  return {
    ...doorHeaders,
    vary: vary === undefined ? VARY : `${VARY}, ${vary}`,
    "content-type": "application/json",
  };
}

function refusalOf(body: Exclude<Body, Uint8Array>, { outgoing }: Exchange): Response {
  outgoing.shouldKeepAlive = false; // the rest of the body may be on its way
  switch (body) {
    case "too_large":
      return Response.json({ error: TOO_LARGE }, { status: 413 });
    case "no_room":
      return Response.json({ error: NO_ROOM }, { status: 429, headers: { "Retry-After": "1" } });
    case "too_slow":
      return new Response("the request did not come to its end\n", { status: 408 });
  }
}
