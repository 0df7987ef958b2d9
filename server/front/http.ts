/**
 * The HTTP server: one port for tRPC, the page, health and metrics.
 * Tested in tests/server/front.
 */
import { fetchRequestHandler } from "@trpc/server/adapters/fetch";
import type { TRPCError } from "@trpc/server";
import { carryAnswer } from "./answer_body.ts";
import { AnswerBudget } from "./answer_budget.ts";
import { bearerToken } from "./auth.ts";
import { EventStream } from "./event_stream.ts";
import { ListenError } from "./listen_error.ts";
import { servePage } from "./page.ts";
import { SlowClients } from "./slow_clients.ts";
import type { Services } from "../router/context.ts";
import { Refused } from "../../client/contract/refused.ts";
import { appRouter } from "../router/mod.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import {
  createWebSocketServer,
  MAX_MESSAGE_BYTES,
  TOO_LARGE,
  type WebSocketServer,
} from "./websocket.ts";

const TRPC_PATH = "/trpc";

/** Proxies end a connection on which nothing moves; 60 s is the usual time, 30 s a short one. */
export const KEEP_ALIVE_MS = 15_000;

export interface HttpOptions {
  readonly port: number;
  readonly host: string;
  readonly services: Services;
  readonly metrics: Metrics;
  /** True when orders can be taken now. */
  readonly isReady: () => boolean;
  /** A client that reads or sends nothing for this long is disconnected; see slow_clients.ts. */
  readonly clientTimeoutMs: number;
  /** A quiet stream gets a comment this often, and a quiet socket a ping half as often. */
  readonly keepAliveMs: number;
}

interface Connections {
  readonly webSockets: WebSocketServer;
  readonly streams: Set<EventStream>;
  readonly answers: AnswerBudget;
  readonly slowClients: SlowClients;
}

export interface HttpServer {
  /** The port that the system chose when `port` was 0. */
  readonly port: number;
  /** Takes no new connection, tells subscribers to go elsewhere, and gives calls time to end. */
  stop(timeoutMs: number): Promise<void>;
}

/** Starts serving. @throws ListenError */
export function serveHttp(options: HttpOptions): HttpServer {
  const { host, port } = options;
  const slowClients = new SlowClients(options.clientTimeoutMs);
  const answers = new AnswerBudget((reason) => options.metrics.answersRefused.inc({ reason }));
  const webSockets = createWebSocketServer(
    options.services,
    slowClients,
    2 * options.keepAliveMs,
    answers,
  );
  const streams = new Set<EventStream>();
  const keepAlive = setInterval(() => {
    for (const stream of streams) stream.keepAlive();
  }, options.keepAliveMs);
  options.metrics.watchConnections(() => slowClients.unreadBytes, () => answers.bytes);
  const cut = new AbortController();
  let server: Deno.HttpServer<Deno.NetAddr>;
  try {
    server = Deno.serve(
      { port, hostname: host, signal: cut.signal, onListen: () => undefined },
      (request) => route(request, options, { webSockets, streams, answers, slowClients }),
    );
  } catch (error) {
    slowClients.stop();
    clearInterval(keepAlive);
    throw new ListenError({ host, port }, error);
  }
  return {
    port: server.addr.port,
    stop: async (timeoutMs) => {
      webSockets.close();
      for (const stream of streams) stream.breakOff();
      const timer = setTimeout(() => cut.abort(), timeoutMs);
      await server.shutdown();
      clearTimeout(timer);
      clearInterval(keepAlive);
      slowClients.stop();
    },
  };
}

async function route(
  request: Request,
  options: HttpOptions,
  connections: Connections,
): Promise<Response> {
  if (!URL.canParse(request.url)) return new Response("no such host\n", { status: 400 });
  const { pathname } = new URL(request.url);
  if (pathname === TRPC_PATH || pathname.startsWith(`${TRPC_PATH}/`)) {
    if (request.headers.get("upgrade")?.toLowerCase() === "websocket") {
      return upgraded(connections.webSockets, request);
    }
    return await answerCall(request, options.services, connections);
  }
  switch (pathname) {
    case "/healthz":
      return new Response("ok\n");
    case "/readyz":
      return options.isReady()
        ? new Response("ready\n")
        : new Response("not ready\n", { status: 503 });
    case "/metrics": {
      const { registry } = options.metrics;
      const headers = { "content-type": registry.contentType };
      return new Response(await registry.metrics(), { headers });
    }
    default:
      return await servePage(request, pathname);
  }
}

/** Upgrades a request. One without the headers of a WebSocket upgrade is a bad request. */
function upgraded(webSockets: WebSocketServer, request: Request): Response {
  try {
    return webSockets.upgrade(request);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    return new Response("not a WebSocket upgrade\n", { status: 400 });
  }
}

async function answerCall(
  request: Request,
  services: Services,
  { streams, slowClients, answers: budget }: Connections,
): Promise<Response> {
  // tRPC reads a body of POST only. A new `Request` cannot even be made for some other methods.
  const body = request.method === "POST" ? await readBody(request, slowClients.ms) : null;
  if (body === "too_large") return Response.json({ error: TOO_LARGE }, { status: 413 });
  if (body === "too_slow") return new Response("the request did not come to its end\n", SLOW);
  const events = new EventStream(slowClients, streams);
  const answers = budget.ofRequest();
  const { method, headers, signal } = request;
  const response = events.carry(
    await fetchRequestHandler({
      endpoint: TRPC_PATH,
      req: body === null ? request : new Request(request.url, { method, headers, body, signal }),
      router: appRouter,
      createContext: () => ({
        services,
        token: bearerToken(headers.get("authorization")),
        slots: events.slots,
        answers,
      }),
      responseMeta: ({ errors }) => retryAfterOf(errors),
    }),
  );
  return carryAnswer(response, answers, slowClients);
}

const SLOW = { status: 408, headers: { connection: "close" } };

/** Most bodies are one order, which fits in this. */
const FIRST_BODY_BYTES = 4_096;

/**
 * The body of a request, unless it is over the bound or takes longer than `timeoutMs`.
 *
 * Each chunk is copied. Deno backs every chunk with its own 64 KiB buffer, even a one-byte chunk, and
 * a caller without a key decides how many chunks there are.
 */
async function readBody(
  request: Request,
  timeoutMs: number,
): Promise<Uint8Array<ArrayBuffer> | "too_large" | "too_slow"> {
  const { body } = request;
  if (body === null) return new Uint8Array();
  if (Number(request.headers.get("content-length")) > MAX_MESSAGE_BYTES) return "too_large";
  const reader = body.getReader();
  let isSlow = false;
  const timer = setTimeout(() => {
    isSlow = true;
    reader.cancel().catch(() => undefined);
  }, timeoutMs);
  let kept = new Uint8Array(FIRST_BODY_BYTES);
  let bytes = 0;
  try {
    for (let read = await reader.read(); !read.done; read = await reader.read()) {
      const start = bytes;
      bytes += read.value.length;
      if (bytes > MAX_MESSAGE_BYTES) break;
      if (bytes > kept.length) kept = grown(kept, bytes);
      kept.set(read.value, start);
    }
  } catch {
    isSlow = true; // the client is gone: no answer reaches it
  }
  clearTimeout(timer);
  if (isSlow) return "too_slow";
  if (bytes > MAX_MESSAGE_BYTES) {
    reader.cancel().catch(() => undefined); // the rest is not wanted
    return "too_large";
  }
  return kept.subarray(0, bytes);
}

/** The same bytes in a larger buffer: twice the size, or `needed` bytes, but never over the bound. */
function grown(kept: Uint8Array, needed: number): Uint8Array<ArrayBuffer> {
  const size = Math.min(Math.max(needed, kept.length * 2), MAX_MESSAGE_BYTES);
  const larger = new Uint8Array(size);
  larger.set(kept);
  return larger;
}

/** `Retry-After`, in whole seconds, when one of the errors says how long. */
function retryAfterOf(errors: readonly TRPCError[]): { headers?: Record<string, string> } {
  const waits = errors.flatMap((error) =>
    error.cause instanceof Refused ? error.cause.refusal.retryAfterMs ?? [] : []
  );
  if (waits.length === 0) return {};
  return { headers: { "Retry-After": String(Math.ceil(Math.max(...waits) / 1_000)) } };
}
