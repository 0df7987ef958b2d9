/**
 * The way to `/metrics`: on the service's own port, or on one of its own with `/healthz` beside it;
 * for everybody who reaches it, or for a scraper that knows a token.
 *
 * Tested in tests/server/front/metrics_door_test.ts.
 */
import { Buffer } from "node:buffer";
import { timingSafeEqual } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { tellBug } from "../telemetry/bugs.ts";
import { bearerToken } from "./keys/auth.ts";
import { leaveNoRest } from "./connections/body.ts";
import { listen } from "./connections/listener.ts";
import { Door, knockOf } from "./door.ts";
import type { PlainAnswer } from "./plain_answer.ts";
import type { DoorRules } from "./origins.ts";

/** The metrics as a scraper gets them: of this process, or of all processes of the service. */
export interface Scraped {
  readonly contentType: string;
  metrics(): Promise<string>;
}

export interface MetricsDoor {
  readonly scraped: Scraped;
  /** Null: the metrics are for everybody. */
  readonly metricsToken: string | null;
}

const TEXT = { "content-type": "text/plain;charset=UTF-8" };
const NOT_FOUND: PlainAnswer = { status: 404, headers: TEXT, body: "not found\n" };
const HEALTHY: PlainAnswer = { status: 200, headers: TEXT, body: "ok\n" };

/** Answers a scrape. @param authorization the header of that name */
export async function answerMetrics(
  { scraped, metricsToken }: MetricsDoor,
  authorization: string | null,
): Promise<PlainAnswer> {
  if (metricsToken !== null && !isSame(bearerToken(authorization), metricsToken)) {
    const headers = { "www-authenticate": "Bearer" };
    return { status: 401, headers, body: "WEIR_METRICS_TOKEN is needed as a bearer token\n" };
  }
  const headers = { "content-type": scraped.contentType };
  return { status: 200, headers, body: await scraped.metrics() };
}

/** Equal texts, told in a time that says nothing of where they differ. */
function isSame(given: string | null, expected: string): boolean {
  const [a, b] = [Buffer.from(given ?? ""), Buffer.from(expected)];
  return a.length === b.length && timingSafeEqual(a, b);
}

export interface MetricsServerOptions extends MetricsDoor, DoorRules {
  readonly metricsPort: number;
  /** Called once, when the port cannot be listened on any more. */
  readonly onLost: (error: Error) => void;
}

export interface MetricsServer {
  /** The port that the system chose when `metricsPort` was 0. */
  readonly port: number;
  stop(): Promise<void>;
}

function failed(error: unknown): PlainAnswer {
  tellBug("a bug in a scrape", error);
  return { status: 500, headers: TEXT, body: "internal error\n" };
}

/** A scraper has one connection, and a health probe some. */
const MAX_CONNECTIONS = 64;

/** Serves `/metrics` and `/healthz` on a port of their own. @throws ListenError */
export async function serveMetrics(options: MetricsServerOptions): Promise<MetricsServer> {
  const { host, metricsPort: port, onLost } = options;
  const door = new Door({ ...options, now: () => performance.now() });
  const server = createServer({ headersTimeout: 10_000, connectionsCheckingInterval: 1_000 });
  server.maxConnections = MAX_CONNECTIONS;
  server.on("request", (incoming: IncomingMessage, outgoing: ServerResponse) => {
    answerOf(incoming, door, options).catch(failed).then(async ({ status, headers, body }) => {
      await leaveNoRest({ incoming, outgoing });
      outgoing.writeHead(status, { ...headers }).end(incoming.method === "HEAD" ? null : body);
    });
  });
  const listener = await listen(server, { host, port, onLost, variable: "WEIR_METRICS_PORT" });
  return {
    port: listener.port,
    stop: async () => {
      await listener.stop();
      server.closeAllConnections(); // a scrape that is cut off comes again
    },
  };
}

async function answerOf(
  incoming: IncomingMessage,
  door: Door,
  metrics: MetricsDoor,
): Promise<PlainAnswer> {
  const { url: target = "/", headers } = incoming;
  const url = URL.parse(target, `http://${headers.host ?? "localhost"}`);
  if (url === null) return { status: 400, headers: {}, body: "no such host\n" };
  const admission = door.admit(knockOf(incoming, { path: url.pathname, host: url.host }));
  if (admission.answer !== null) return admission.answer;
  const answer = url.pathname === "/healthz"
    ? HEALTHY
    : url.pathname === "/metrics"
    ? await answerMetrics(metrics, headers.authorization ?? null)
    : NOT_FOUND;
  return { ...answer, headers: { ...answer.headers, ...admission.headers } };
}
