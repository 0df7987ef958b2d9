/**
 * The typed client: orders and dashboards of a Weir, from Deno, Node or a browser.
 *
 * ```ts
 * const options: WeirClientOptions = { url: "http://127.0.0.1:8080", token: "your-key" };
 * const weir: WeirClient = createWeirClient(options);
 * try {
 *   const { orderId, status } = await weir.api.orders.place.mutate({
 *     storeId: "berlin",
 *     idempotencyKey: "cart-1",
 *     currency: "EUR",
 *     lines: [{ sku: "tea", quantity: 2, unitPriceMinor: 450 }],
 *   });
 *   console.log(orderId, status);
 * } catch (error) {
 *   const data: WeirErrorData | null = errorDataOf(error);
 *   console.log(data?.reason ?? "no answer came", data?.retryAfterMs);
 * }
 * weir.api.dashboard.live.subscribe({}, { onData: ({ data }) => console.log(data.version) });
 * await weir.close(); // at the end of the program
 * ```
 *
 * Calls go over HTTP. Calls made together share one request. Subscriptions share one WebSocket,
 * which reconnects by itself and resumes where it was. It is made with the first subscription, so
 * a runtime without WebSocket, such as Node 20, can make every call.
 *
 * Tested in tests/client/mod_test.ts and tests/examples.
 */
// `deno task check` compiles the snippet above. Deno imports every export of this file into it, and
// an unused import is an error. So a new export must be used in the snippet.
import {
  createTRPCClient,
  createWSClient,
  httpBatchLink,
  splitLink,
  type TRPCClient,
  TRPCClientError,
  type TRPCLink,
  type TRPCWebSocketClient,
  wsLink,
} from "@trpc/client";
import type { AppRouter } from "./api/app_router.ts";
import type { ErrorDetails } from "./contract/mod.ts";
import { endpointOf } from "./api/endpoint.ts";

export type * from "./api/app_router.ts";
export type * from "./contract/mod.ts";

export interface WeirClientOptions {
  /**
   * The address of the instance, such as `http://127.0.0.1:8080` or `https://shop.example/weir`. A
   * path is kept. `/trpc` and a slash at its end may be given or left out.
   */
  readonly url: string;
  /** An API key. Space around it, such as the end of a file's line, is left out. */
  readonly token: string;
  /**
   * The WebSocket class for subscriptions instead of the global one, such as the one of the package
   * `ws`. Node has none of its own before version 22. Deno's own is slow with messages over a
   * kilobyte, so pass the one of `npm:ws` there.
   */
  readonly WebSocket?: WebSocketClass;
}

/** The parts that the global class and the one of `ws` have in common. */
interface WebSocketClass {
  new (url: string, protocols?: string | string[]): {
    send(data: string): void;
    close(code?: number): void;
  };
}

export interface WeirClient {
  /** Every procedure, by its path: `api.orders.place.mutate(…)`. */
  readonly api: TRPCClient<AppRouter>;
  /** Ends every subscription and the connection. */
  close(): Promise<void>;
}

/** The most calls of one request. */
const MAX_BATCH = 50;

/**
 * Makes a client. It connects with the first subscription and disconnects after 60 s without use.
 * @throws TypeError when `url` or `token` cannot be those of an instance. Subscribing throws one
 * when there is no WebSocket class.
 */
export function createWeirClient(options: WeirClientOptions): WeirClient {
  const endpoint = endpointOf(options.url);
  const token = tokenOf(options.token);
  let socket: TRPCWebSocketClient | undefined;
  const connect = () => socket ??= openSocket(endpoint.webSocket, token, options.WebSocket);
  const api = createTRPCClient<AppRouter>({
    links: [
      splitLink({
        condition: ({ type }) => type === "subscription",
        true: overSocket(connect),
        false: httpBatchLink({
          url: endpoint.http,
          headers: { authorization: `Bearer ${token}` },
          maxItems: MAX_BATCH,
          fetch: fetchJson,
        }),
      }),
    ],
  });
  return { api, close: async () => await socket?.close() };
}

/**
 * Calls `fetch`. Anything but JSON comes from somebody else: a proxy, or what stands at a wrong
 * address. The error says so, where a parser would only tell of an unexpected character.
 */
async function fetchJson(input: URL | RequestInfo, init: object = {}): Promise<Response> {
  const response = await fetch(input, init);
  const type = response.headers.get("content-type") ?? "no content type";
  if (type.startsWith("application/json")) return response;
  const { origin, pathname } = new URL(String(input));
  await response.body?.cancel();
  const place = origin + pathname.replace(/\/trpc\/.*$/, "/trpc");
  throw new TypeError(`no answer of Weir at ${place}: HTTP ${response.status}, ${type}`);
}

/** A link that makes its socket when it is first used. */
function overSocket(connect: () => TRPCWebSocketClient): TRPCLink<AppRouter> {
  return (runtime) => (call) => wsLink<AppRouter>({ client: connect() })(runtime)(call);
}

/** @throws TypeError when neither the caller nor the runtime has a WebSocket class */
function openSocket(
  url: string,
  token: string,
  given: WebSocketClass | undefined,
): TRPCWebSocketClient {
  const found = (given ?? globalThis.WebSocket) as typeof WebSocket | undefined;
  if (found === undefined) {
    throw new TypeError(
      'subscriptions need a WebSocket, and this runtime has none: pass the class of the package "ws" ' +
        "as the option WebSocket of createWeirClient, or use Node 22 or newer",
    );
  }
  return createWSClient({
    url,
    connectionParams: { token },
    lazy: { enabled: true, closeMs: 60_000 },
    keepAlive: { enabled: true, intervalMs: 10_000, pongTimeoutMs: 5_000 },
    retryDelayMs: (attempt) => Math.min(5_000, 250 * 2 ** attempt) * (0.5 + Math.random() / 2),
    WebSocket: found,
  });
}

function tokenOf(token: string | undefined): string {
  const trimmed = token?.trim() ?? "";
  if (trimmed !== "") return trimmed;
  throw new TypeError("the token of a Weir client is missing: it is an API key");
}

/** The fields of a failed call beside its message, such as `reason` and `retryAfterMs`. */
export type WeirErrorData = ErrorDetails & { readonly code: string; readonly httpStatus: number };

/** The details of a refusal; null when `error` did not come from the server. */
export function errorDataOf(error: unknown): WeirErrorData | null {
  if (!(error instanceof TRPCClientError)) return null;
  const data: unknown = error.data;
  return typeof data === "object" && data !== null && "code" in data ? data as WeirErrorData : null;
}
