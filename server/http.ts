/**
 * HTTP: one port for tRPC, the page, health and metrics.
 */
import { fetchRequestHandler } from "@trpc/server/adapters/fetch";
import type { TRPCError } from "@trpc/server";
import { bearerToken } from "./auth.ts";
import { servePage } from "./page.ts";
import type { Services } from "./router/context.ts";
import { RefusedError } from "./router/errors.ts";
import { appRouter } from "./router/mod.ts";
import { describe } from "./telemetry/log.ts";
import type { Metrics } from "./telemetry/metrics.ts";
import {
  createWebSocketServer,
  MAX_MESSAGE_BYTES,
  TOO_LARGE,
  type WebSocketServer,
} from "./websocket.ts";

const TRPC_PATH = "/trpc";

export interface HttpOptions {
  readonly port: number;
  readonly host: string;
  readonly services: Services;
  readonly metrics: Metrics;
  /** True when orders can be taken now. */
  readonly isReady: () => boolean;
}

export interface HttpServer {
  /** The port that was given, when `port` was 0. */
  readonly port: number;
  /** Takes no new connection, tells subscribers to go elsewhere, and gives calls time to end. */
  stop(timeoutMs: number): Promise<void>;
}

/** HOST and PORT cannot be listened on; the message is one line for the operator. */
export class ListenError extends Error {
  constructor({ host, port }: Pick<HttpOptions, "host" | "port">, cause: unknown) {
    super(whyNot(host, port, cause), { cause });
    this.name = "ListenError";
  }
}

function whyNot(host: string, port: number, cause: unknown): string {
  if (cause instanceof Deno.errors.AddrInUse) return `PORT ${port} is in use by another process`;
  if (cause instanceof Deno.errors.AddrNotAvailable) {
    return "HOST is not an address of this machine";
  }
  return `HOST and PORT are wrong: cannot listen on ${host}:${port}: ${describe(cause)}`;
}

/** Starts serving. @throws ListenError */
export function serveHttp(options: HttpOptions): HttpServer {
  const { host, port } = options;
  const webSockets = createWebSocketServer(options.services);
  const cut = new AbortController();
  let server: Deno.HttpServer<Deno.NetAddr>;
  try {
    server = Deno.serve(
      { port, hostname: host, signal: cut.signal, onListen: () => undefined },
      (request) => route(request, options, webSockets),
    );
  } catch (error) {
    throw new ListenError({ host, port }, error);
  }
  return {
    port: server.addr.port,
    stop: async (timeoutMs) => {
      webSockets.close();
      const timer = setTimeout(() => cut.abort(), timeoutMs);
      await server.shutdown();
      clearTimeout(timer);
    },
  };
}

async function route(
  request: Request,
  options: HttpOptions,
  webSockets: WebSocketServer,
): Promise<Response> {
  if (!URL.canParse(request.url)) return new Response("no such host\n", { status: 400 });
  const { pathname } = new URL(request.url);
  if (pathname === TRPC_PATH || pathname.startsWith(`${TRPC_PATH}/`)) {
    if (request.headers.get("upgrade")?.toLowerCase() === "websocket") {
      return upgraded(webSockets, request);
    }
    return await answerCall(request, options.services);
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

/** An upgrade that lacks what the protocol asks for is a bad request, not a failure of the server. */
function upgraded(webSockets: WebSocketServer, request: Request): Response {
  try {
    return webSockets.upgrade(request);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    return new Response("not a WebSocket upgrade\n", { status: 400 });
  }
}

async function answerCall(request: Request, services: Services): Promise<Response> {
  const bounded = await boundBody(request);
  if (bounded === null) return Response.json({ error: TOO_LARGE }, { status: 413 });
  return await fetchRequestHandler({
    endpoint: TRPC_PATH,
    req: bounded,
    router: appRouter,
    createContext: () => ({
      services,
      token: bearerToken(request.headers.get("authorization")),
      drained: () => Promise.resolve(),
    }),
    responseMeta: ({ errors }) => retryAfterOf(errors),
  });
}

/** The request with a body that is known not to be over the bound; null when it is. */
async function boundBody(request: Request): Promise<Request | null> {
  if (request.body === null) return request;
  const declared = request.headers.get("content-length");
  if (declared !== null) return Number(declared) > MAX_MESSAGE_BYTES ? null : request;
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  let bytes = 0;
  for await (const chunk of request.body) {
    bytes += chunk.length;
    if (bytes > MAX_MESSAGE_BYTES) return null;
    chunks.push(chunk);
  }
  return new Request(request, { body: new Blob(chunks) });
}

/** `Retry-After`, in whole seconds, when one of the errors says how long. */
function retryAfterOf(errors: readonly TRPCError[]): { headers?: Record<string, string> } {
  const waits = errors.flatMap((error) =>
    error instanceof RefusedError ? error.refusal.retryAfterMs ?? [] : []
  );
  if (waits.length === 0) return {};
  return { headers: { "Retry-After": String(Math.ceil(Math.max(...waits) / 1_000)) } };
}
