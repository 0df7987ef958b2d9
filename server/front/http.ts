/**
 * The HTTP server: one port for tRPC, the page, health and metrics. It answers each request with a
 * `Response`. Who may connect, and for how long, is decided in connections/.
 *
 * Tested in tests/server/front.
 */
import type { Buffer } from "node:buffer";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Services } from "../router/context.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import { AnswerBudget } from "./answers/answer_budget.ts";
import { ByteBudget } from "./connections/byte_budget.ts";
import { HEADERS_TIMEOUT_MS, IDLE_TIMEOUT_MS } from "./connections/times.ts";
import { listen } from "./connections/listener.ts";
import { Streams } from "./connections/streams.ts";
import { type VisitorBounds, Visitors } from "./connections/visitors.ts";
import { Door } from "./door.ts";
import type { Scraped } from "./metrics_door.ts";
import { Lanes } from "./lane/lanes.ts";
import { plain } from "./plain_answer.ts";
import type { Front } from "./front.ts";
import { answerRequest, refusalOfUpgrade } from "./requests.ts";
import { SlowClients } from "./slow_clients.ts";
import { createWebSocketServer, type WebSocketServer } from "./websocket.ts";

/** Proxies end a connection on which nothing moves; 60 s is the usual time, 30 s a short one. */
export const KEEP_ALIVE_MS = 15_000;
/** A URL with the input of a batch in it may be long. */
const MAX_HEAD_BYTES = 65_536;
/** Bytes of requests that have not arrived in full: of all callers, and of one key. */
const UNREAD_BYTES = 32 * 1_048_576;
const UNREAD_BYTES_OF_KEY = UNREAD_BYTES / 4;

export interface HttpOptions {
  readonly port: number;
  readonly host: string;
  /** How many processes listen on the port; default 1. */
  readonly processes?: number;
  readonly bounds: VisitorBounds;
  /** See origins.ts; and `allowedOrigins` too. */
  readonly allowedHosts: readonly string[];
  readonly allowedOrigins: readonly string[];
  /** Origins of pages that may put the dashboard into a frame. */
  readonly embedOrigins: readonly string[];
  readonly services: Services;
  readonly metrics: Metrics;
  /** The answer of `/metrics`. */
  readonly scraped: Scraped;
  /** Null: metrics are on this port. */
  readonly metricsPort: number | null;
  /** See metrics_door.ts. */
  readonly metricsToken: string | null;
  /** True when orders can be taken now. */
  readonly isReady: () => boolean;
  /** Called once, when the port cannot be listened on any more. */
  readonly onLost: (error: Error) => void;
  /** A client that reads or sends nothing for this long is disconnected; see slow_clients.ts. */
  readonly clientTimeoutMs: number;
  /** A quiet stream gets a comment this often, and a quiet socket a ping half as often. */
  readonly keepAliveMs: number;
}

export interface HttpServer {
  /** The port that the system chose when `port` was 0. */
  readonly port: number;
  /** Takes no new connection, tells subscribers to go elsewhere, and gives calls time to end. */
  stop(timeoutMs: number): Promise<void>;
}

/** Starts serving. @throws ListenError */
export async function serveHttp(options: HttpOptions): Promise<HttpServer> {
  const { metrics, bounds, clientTimeoutMs, keepAliveMs } = options;
  const refused = (why: string) => () => metrics.doorRefusals.inc({ why });
  const front: Front = {
    ...options,
    door: new Door({ ...options, now: () => performance.now(), onRefused: refused("origin") }),
    visitors: new Visitors({
      ...bounds,
      now: () => performance.now(),
      onDismissed: (why) => metrics.connectionsClosed.inc({ why }),
    }),
    unread: new ByteBudget(UNREAD_BYTES, UNREAD_BYTES_OF_KEY, refused("bytes")),
    answers: new AnswerBudget((reason) => metrics.answersRefused.inc({ reason })),
    slowClients: new SlowClients(clientTimeoutMs),
    eventStreams: new Set(),
    streams: new Streams(undefined, undefined, refused("streams")),
    isStopping: false,
  };
  const keepAlive = setInterval(() => {
    for (const stream of front.eventStreams) stream.keepAlive();
  }, keepAliveMs);
  const webSockets = createWebSocketServer(front);
  const server = createServer({
    headersTimeout: HEADERS_TIMEOUT_MS,
    requestTimeout: 0, // body.ts has a time for bodies
    keepAliveTimeout: IDLE_TIMEOUT_MS,
    connectionsCheckingInterval: 1_000,
    maxHeaderSize: MAX_HEAD_BYTES,
  });
  const lanes = new Lanes(server, front);
  receive(server, front, webSockets);
  const end = () => {
    clearInterval(keepAlive);
    front.slowClients.stop();
    front.visitors.stop();
    lanes.stop();
    webSockets.stop();
  };
  const listener = await listen(server, options).catch((error) => {
    end();
    throw error;
  });
  metrics.watchConnections({
    unreadBytes: () => front.slowClients.unreadBytes,
    unfinishedBytes: () => front.unread.bytes,
    answerBytes: () => front.answers.bytes,
    connections: () => front.visitors.connections,
    strangers: () => front.visitors.strangers,
    listenerRestarts: () => listener.restarts,
  });
  return {
    port: listener.port,
    stop: async (timeoutMs) => {
      front.isStopping = true;
      const stopped = listener.stop();
      webSockets.close();
      for (const stream of front.eventStreams) stream.breakOff();
      lanes.closeQuiet();
      server.closeIdleConnections();
      await front.visitors.allGone(timeoutMs);
      server.closeAllConnections();
      await stopped;
      end();
    },
  };
}

/** Joins the events of the server with those who answer them. */
function receive(server: Server, front: Front, webSockets: WebSocketServer): void {
  const answer = (incoming: IncomingMessage, outgoing: ServerResponse) =>
    void answerRequest(incoming, outgoing, front);
  server.on("request", answer);
  // The client waits for a word before it sends the body. It gets it once its key is known.
  server.on("checkContinue", answer);
  server.on("upgrade", (incoming: IncomingMessage, socket: Socket, head: Buffer) => {
    const visitor = front.visitors.of(socket);
    if (visitor === undefined) return socket.destroy();
    const refusal = refusalOfUpgrade(incoming, front);
    if (refusal !== null) return socket.end(refusal);
    webSockets.upgrade(incoming, socket, head, visitor);
  });
  server.on("clientError", (error: Error & { code?: string }, socket: Socket) => {
    if (!socket.writable) return socket.destroy();
    socket.end(BAD_REQUESTS[error.code ?? ""] ?? BAD_REQUEST);
  });
}

const BAD_REQUEST = plain("400 Bad Request", "not an HTTP request");
const BAD_REQUESTS: Readonly<Record<string, string>> = {
  HPE_HEADER_OVERFLOW: plain("431 Request Header Fields Too Large", "the head is too large"),
  ERR_HTTP_REQUEST_TIMEOUT: plain("408 Request Timeout", "the head did not come to its end"),
};
