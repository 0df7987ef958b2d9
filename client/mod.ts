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
 * which reconnects by itself and resumes where it was.
 *
 * Tested in tests/examples.
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
  wsLink,
} from "@trpc/client";
import type { AppRouter } from "../server/router/mod.ts";
import type { ErrorDetails } from "./contract/mod.ts";

export type * from "../server/router/mod.ts";
export type * from "./contract/mod.ts";

export interface WeirClientOptions {
  /** The address of the instance, such as `http://127.0.0.1:8080`. */
  readonly url: string;
  /** An API key. */
  readonly token: string;
  /**
   * The WebSocket class to use instead of the global one. On Deno pass the one of `npm:ws`: Deno's
   * own client is slow with messages over a kilobyte.
   */
  readonly WebSocket?: typeof WebSocket;
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
 */
export function createWeirClient(options: WeirClientOptions): WeirClient {
  const { url, token } = options;
  const endpoint = new URL("/trpc", url);
  const webSocketEndpoint = new URL(endpoint);
  webSocketEndpoint.protocol = endpoint.protocol === "https:" ? "wss:" : "ws:";
  const webSocket = createWSClient({
    url: webSocketEndpoint.href,
    connectionParams: { token },
    lazy: { enabled: true, closeMs: 60_000 },
    keepAlive: { enabled: true, intervalMs: 10_000, pongTimeoutMs: 5_000 },
    retryDelayMs: (attempt) => Math.min(5_000, 250 * 2 ** attempt) * (0.5 + Math.random() / 2),
    ...(options.WebSocket === undefined ? {} : { WebSocket: options.WebSocket }),
  });
  const api = createTRPCClient<AppRouter>({
    links: [
      splitLink({
        condition: ({ type }) => type === "subscription",
        true: wsLink({ client: webSocket }),
        false: httpBatchLink({
          url: endpoint,
          headers: { authorization: `Bearer ${token}` },
          maxItems: MAX_BATCH,
        }),
      }),
    ],
  });
  return { api, close: () => webSocket.close() };
}

/** The fields of a failed call beside its message, such as `reason` and `retryAfterMs`. */
export type WeirErrorData = ErrorDetails & { readonly code: string; readonly httpStatus: number };

/** The details of a refusal; null when `error` did not come from the server. */
export function errorDataOf(error: unknown): WeirErrorData | null {
  if (!(error instanceof TRPCClientError)) return null;
  const data: unknown = error.data;
  return typeof data === "object" && data !== null && "code" in data ? data as WeirErrorData : null;
}
