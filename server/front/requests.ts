/**
 * Requests over HTTP. Each goes through the door, and then to those who answer its path.
 *
 * Tested in tests/server/front.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { tellBug } from "../telemetry/bugs.ts";
import { answerCallRequest } from "./calls/call_requests.ts";
import { sendAnswer } from "./connections/answer.ts";
import { knockOf, withHeaders } from "./door.ts";
import { leaveNoRest } from "./connections/body.ts";
import { Exchange } from "./exchange.ts";
import type { Front } from "./front.ts";
import { answerMetrics } from "./metrics_door.ts";
import { isCall } from "./origins.ts";
import { servePage } from "./page.ts";
import { asBytes, asResponse, plain } from "./plain_answer.ts";
import { isRest, isRestPage } from "./rest/paths.ts";
import { restPage } from "./rest/pages/rest_pages.ts";
import { answerRest } from "./rest/rest.ts";
import { sendWhole } from "./rest/rest_answer.ts";

/** Answers a request. Never rejects. */
export async function answerRequest(
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  front: Front,
): Promise<void> {
  const visitor = front.visitors.of(incoming.socket);
  if (visitor === undefined) return void outgoing.destroy();
  const exchange = new Exchange(incoming, outgoing, visitor, front);
  const response = await admitted(exchange, front).catch(failed);
  if (response === null) return;
  await leaveNoRest(exchange);
  if (front.isStopping) outgoing.shouldKeepAlive = false;
  await sendAnswer(response, outgoing, { slowClients: front.slowClients, gone: exchange.gone });
}

function failed(error: unknown): Response {
  tellBug("a bug in a request", error);
  return new Response("internal error\n", { status: 500 });
}

/**
 * The answer of the door, or the answer of who is behind it, with the headers of the door.
 * @returns null when the answer has been sent
 */
async function admitted(exchange: Exchange, front: Front): Promise<Response | null> {
  const target = targetOf(exchange.incoming, front);
  if (target === null) return new Response("no such host\n", { status: 400 });
  const admission = front.door.admit(knockOf(exchange.incoming, target));
  if (admission.answer !== null) return asResponse(admission.answer);
  if (isCall(target.path)) {
    return await answerCallRequest(exchange, target.url, admission.headers, front);
  }
  if (isRest(target.path)) {
    return await answerRest(exchange, target, admission.headers, front);
  }
  if (isRestPage(target.path)) {
    const page = await restPage(exchange.incoming.method ?? "GET", target.path);
    await sendWhole(page, exchange, admission.headers, front);
    return null;
  }
  return withHeaders(await answerPath(exchange, target.path, front), admission.headers);
}

/** Why a request for a WebSocket is not let in, as the bytes of an answer; null: it is. */
export function refusalOfUpgrade(incoming: IncomingMessage, front: Front): string | null {
  const target = targetOf(incoming, front);
  if (target === null) return plain("400 Bad Request", "no such host");
  const { answer } = front.door.admit(knockOf(incoming, target));
  if (answer !== null) return asBytes("403 Forbidden", answer.headers, answer.body ?? "");
  return isCall(target.path) ? null : plain("404 Not Found", "not found");
}

/** The address that a request asks for. */
interface Target {
  readonly path: string;
  readonly host: string;
  readonly url: () => URL;
}

/** A path that stays as it is in a URL. */
const PLAIN_PATH = /^(\/[\w.,-]+)+(?=\?|$)/;
const DOTS = /\/\.{1,2}(\/|\?|$)/;

/** Null: no service can have such an address. */
function targetOf(
  { url = "/", headers: { host = "localhost" } }: IncomingMessage,
  { door }: Front,
): Target | null {
  const parse = () => URL.parse(url.startsWith("/") ? `http://${host}${url}` : url);
  const path = door.headersFor(host) !== undefined && !DOTS.test(url)
    ? PLAIN_PATH.exec(url)?.[0]
    : undefined;
  if (path !== undefined) return { path, host, url: () => parse()! };
  const parsed = parse();
  return parsed && { path: parsed.pathname, host: parsed.host, url: () => parsed };
}

async function answerPath(
  { incoming: { method = "GET", headers } }: Exchange,
  path: string,
  front: Front,
): Promise<Response> {
  switch (path) {
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
      return await servePage(method, path, front.embedOrigins);
  }
}
