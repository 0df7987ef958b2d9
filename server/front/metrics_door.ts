/**
 * The way to `/metrics`: on the service's own port, or on one of its own with `/healthz` beside it;
 * for everybody who reaches it, or for a scraper that knows a token.
 *
 * Tested in tests/server/front/metrics_door_test.ts.
 */
import { Buffer } from "node:buffer";
import { timingSafeEqual } from "node:crypto";
import type { Metrics } from "../telemetry/metrics.ts";
import { bearerToken } from "./auth.ts";
import { behindDoor, Door, type PlainAnswer } from "./door.ts";
import { ListenError } from "./listen_error.ts";
import type { DoorRules } from "./origins.ts";

export interface MetricsDoor {
  readonly metrics: Pick<Metrics, "registry">;
  /** Null: the metrics are for everybody. */
  readonly metricsToken: string | null;
}

const NOT_FOUND: PlainAnswer = { status: 404, headers: {}, body: "not found\n" };

/** Answers a scrape. @param authorization the header of that name */
export async function answerMetrics(
  { metrics: { registry }, metricsToken }: MetricsDoor,
  authorization: string | null,
): Promise<PlainAnswer> {
  if (metricsToken !== null && !isSame(bearerToken(authorization), metricsToken)) {
    const headers = { "www-authenticate": "Bearer" };
    return { status: 401, headers, body: "WEIR_METRICS_TOKEN is needed as a bearer token\n" };
  }
  const headers = { "content-type": registry.contentType };
  return { status: 200, headers, body: await registry.metrics() };
}

/** Equal texts, told in a time that says nothing of where they differ. */
function isSame(given: string | null, expected: string): boolean {
  const [a, b] = [Buffer.from(given ?? ""), Buffer.from(expected)];
  return a.length === b.length && timingSafeEqual(a, b);
}

export interface MetricsServerOptions extends MetricsDoor, DoorRules {
  readonly metricsPort: number;
}

export interface MetricsServer {
  /** The port that the system chose when `metricsPort` was 0. */
  readonly port: number;
  stop(): Promise<void>;
}

/** Serves `/metrics` and `/healthz` on a port of their own. @throws ListenError */
export function serveMetrics(options: MetricsServerOptions): MetricsServer {
  const { host, metricsPort: port } = options;
  const serve = async ({ url, headers }: Request) => {
    const { pathname } = new URL(url);
    if (pathname === "/healthz") return new Response("ok\n");
    if (pathname !== "/metrics") return asResponse(NOT_FOUND);
    return asResponse(await answerMetrics(options, headers.get("authorization")));
  };
  const door = new Door({ ...options, now: () => performance.now() });
  const cut = new AbortController();
  try {
    const server = Deno.serve(
      { port, hostname: host, signal: cut.signal, onListen: () => undefined },
      behindDoor(door, serve),
    );
    return {
      port: server.addr.port,
      stop: async () => {
        cut.abort(); // a scrape that is cut off comes again
        await server.finished;
      },
    };
  } catch (error) {
    throw new ListenError({ host, port, variable: "WEIR_METRICS_PORT" }, error);
  }
}

/** A plain answer for a server of Fetch's requests. */
export function asResponse({ status, headers, body }: PlainAnswer): Response {
  return new Response(body, { status, headers });
}
