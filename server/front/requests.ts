/**
 * Requests over HTTP: each is answered with a `Response`. Of a call the key comes first. Nothing of its
 * body is read before the key is known, and the connection of a wrong key ends with the answer.
 *
 * Tested in tests/server/front.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { fetchRequestHandler } from "@trpc/server/adapters/fetch";
import type { TRPCError } from "@trpc/server";
import { Refused } from "../../client/contract/refused.ts";
import type { Principal, Services } from "../router/context.ts";
import { MAX_BATCH_CALLS } from "../router/errors.ts";
import { appRouter } from "../router/mod.ts";
import { tellBug } from "../telemetry/bugs.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import { bearerToken } from "./keys/auth.ts";
import type { AnswerBudget, RequestAnswers } from "./answers/answer_budget.ts";
import { sendAnswer } from "./connections/answer.ts";
import { type Body, dropBody, readBody } from "./connections/body.ts";
import type { ByteBudget } from "./connections/byte_budget.ts";
import type { Streams } from "./connections/streams.ts";
import type { Visitor, Visitors } from "./connections/visitors.ts";
import { type Door, knockOf, withHeaders } from "./door.ts";
import { EventStream } from "./event_stream.ts";
import { answerMetrics } from "./metrics_door.ts";
import { isCall, TRPC_PATH } from "./origins.ts";
import { servePage } from "./page.ts";
import { asBytes, asResponse, plain } from "./plain_answer.ts";
import { NO_ROOM, TOO_LARGE } from "./refused_requests.ts";
import type { SlowClients } from "./slow_clients.ts";

/** A `Request` cannot be made for these. */
const IMPOSSIBLE_METHODS: ReadonlySet<string> = new Set(["CONNECT", "TRACE", "TRACK"]);

/** The parts that all requests of the server share. */
export interface Front {
  readonly services: Services;
  readonly metrics: Metrics;
  readonly isReady: () => boolean;
  readonly door: Door;
  readonly metricsPort: number | null;
  readonly metricsToken: string | null;
  readonly visitors: Visitors;
  /** Pays for bodies and messages that are not there in full. */
  readonly unread: ByteBudget;
  readonly answers: AnswerBudget;
  readonly slowClients: SlowClients;
  readonly eventStreams: Set<EventStream>;
  readonly streams: Streams;
  readonly keepAliveMs: number;
  isStopping: boolean;
}

/** One request, and where its answer goes. */
interface Exchange {
  readonly incoming: IncomingMessage;
  readonly outgoing: ServerResponse;
  readonly visitor: Visitor;
  readonly url: URL;
  /** Aborts when the client is gone before it has its answer. */
  readonly gone: AbortSignal;
  readonly answers: RequestAnswers;
}

/** Answers a request. Never rejects. */
export async function answerRequest(
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  front: Front,
): Promise<void> {
  const visitor = front.visitors.of(incoming.socket);
  if (visitor === undefined) return void outgoing.destroy();
  visitor.underWay++;
  const gone = new AbortController();
  const over = () => {
    if (!visitor.onGone.delete(over)) return;
    visitor.underWay--;
    if (!outgoing.writableFinished) gone.abort();
  };
  visitor.onGone.add(over);
  outgoing.once("close", over);
  const url = urlOf(incoming);
  const answers = front.answers.ofRequest();
  gone.signal.addEventListener("abort", () => answers.close());
  const response = url === null
    ? new Response("no such host\n", { status: 400 })
    : await admitted({ incoming, outgoing, visitor, url, gone: gone.signal, answers }, front)
      .catch(failed);
  if (front.isStopping) outgoing.shouldKeepAlive = false;
  await sendAnswer(response, outgoing, { slowClients: front.slowClients, gone: gone.signal });
  answers.close();
}

function failed(error: unknown): Response {
  tellBug("a bug in a request", error);
  return new Response("internal error\n", { status: 500 });
}

/** The answer of the door, or the answer of who is behind it, with the headers of the door. */
async function admitted(exchange: Exchange, front: Front): Promise<Response> {
  const admission = front.door.admit(knockOf(exchange.incoming, exchange.url));
  if (admission.answer !== null) return asResponse(admission.answer);
  return withHeaders(await route(exchange, front), admission.headers);
}

/** Why a request for a WebSocket is not let in, as the bytes of an answer; null: it is. */
export function refusalOfUpgrade(incoming: IncomingMessage, front: Front): string | null {
  const url = urlOf(incoming);
  if (url === null) return plain("400 Bad Request", "no such host");
  const { answer } = front.door.admit(knockOf(incoming, url));
  if (answer !== null) return asBytes("403 Forbidden", answer.headers, answer.body ?? "");
  return isCall(url.pathname) ? null : plain("404 Not Found", "not found");
}

function urlOf({ url = "/", headers: { host = "localhost" } }: IncomingMessage): URL | null {
  return URL.parse(url.startsWith("/") ? `http://${host}${url}` : url);
}

async function route(exchange: Exchange, front: Front): Promise<Response> {
  const { url: { pathname }, incoming: { method = "GET", headers } } = exchange;
  if (isCall(pathname)) return await answerCall(exchange, front);
  switch (pathname) {
    case "/healthz":
      return new Response("ok\n");
    case "/readyz":
      return front.isReady()
        ? new Response("ready\n")
        : new Response("not ready\n", { status: 503 });
    case "/metrics":
      if (front.metricsPort !== null) return new Response("not found\n", { status: 404 });
      return asResponse(await answerMetrics(front, headers.authorization ?? null));
    default:
      return await servePage(method, pathname);
  }
}

async function answerCall(exchange: Exchange, front: Front): Promise<Response> {
  const { incoming, outgoing, visitor, url } = exchange;
  const { method = "GET" } = incoming;
  if (IMPOSSIBLE_METHODS.has(method)) return new Response(null, { status: 405 });
  const headers = new Headers(headersOf(incoming));
  const token = bearerToken(headers.get("authorization"));
  const identified = front.services.auth.authenticate(token);
  const caller = await identified.catch(unlessRefused);
  if (caller !== null) visitor.known();
  else outgoing.shouldKeepAlive = false;
  const share = front.unread.open(caller?.keyId ?? "");
  // tRPC reads a body of POST only.
  const body = method === "POST" ? await bodyOf(exchange, caller, share, front) : null;
  if (!(body instanceof Uint8Array) && body !== null) {
    share.giveBack();
    return refusalOf(body, outgoing);
  }
  const streams = front.streams.ofConnection();
  const events = new EventStream(front.slowClients, front.eventStreams);
  const signal = exchange.gone;
  try {
    const response = await fetchRequestHandler({
      endpoint: TRPC_PATH,
      req: new Request(url, { method, headers, body, signal }),
      router: appRouter,
      maxBatchSize: MAX_BATCH_CALLS,
      createContext: () => {
        const { services } = front;
        const { answers } = exchange;
        return { services, token, identified, slots: events.slots, streams, answers };
      },
      responseMeta: ({ errors }) => retryAfterOf(errors),
    });
    return events.carry(response);
  } finally {
    share.giveBack();
  }
}

/** Null for a key that cannot be used now. The call says why. */
function unlessRefused(error: unknown): null {
  if (error instanceof Refused) return null;
  throw error;
}

/** The body of a call. A caller without a good key gets an answer that does not depend on it. */
async function bodyOf(
  { incoming, outgoing }: Exchange,
  caller: Principal | null,
  share: ReturnType<ByteBudget["open"]>,
  front: Front,
): Promise<Body> {
  const asksFirst = incoming.headers.expect !== undefined;
  if (caller === null) {
    if (!asksFirst) await dropBody(incoming);
    return new Uint8Array();
  }
  if (asksFirst) outgoing.writeContinue();
  return await readBody(incoming, share, front.slowClients.ms);
}

function refusalOf(body: Exclude<Body, Uint8Array>, outgoing: ServerResponse): Response {
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

function headersOf({ rawHeaders }: IncomingMessage): [string, string][] {
  const headers: [string, string][] = [];
  for (let index = 0; index < rawHeaders.length; index += 2) {
    headers.push([rawHeaders[index]!, rawHeaders[index + 1]!]);
  }
  return headers;
}

/** `Retry-After`, in whole seconds, when one of the errors says how long. */
function retryAfterOf(errors: readonly TRPCError[]): { headers?: Record<string, string> } {
  const waits = errors.flatMap((error) =>
    error.cause instanceof Refused ? error.cause.refusal.retryAfterMs ?? [] : []
  );
  if (waits.length === 0) return {};
  return { headers: { "Retry-After": String(Math.ceil(Math.max(...waits) / 1_000)) } };
}
