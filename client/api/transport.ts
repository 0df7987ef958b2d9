/**
 * The transport of a client: calls over HTTP, those made together in one request, and subscriptions over
 * one WebSocket. Where there is no WebSocket, subscriptions are event streams over `fetch`. So it is
 * where a proxy lets none through.
 *
 * Tested in tests/client/mod_test.ts and tests/client/api/transport_test.ts.
 */
import {
  createTRPCClient,
  createWSClient,
  httpBatchLink,
  httpLink,
  httpSubscriptionLink,
  splitLink,
  type TRPCClient,
  type TRPCLink,
  type TRPCWebSocketClient,
  wsLink,
} from "@trpc/client";
import { EventSource } from "eventsource";
import type { AppRouter } from "./app_router.ts";
import { endpointOf } from "./endpoint.ts";
import { type FetchWay, fetchWayOfRuntime, sentOnce } from "./fetch_once.ts";
import { errorDataOf } from "./weir_error.ts";
import { Token, type TokenSource } from "./token.ts";

export interface TransportOptions {
  /**
   * The address of the instance, such as `http://127.0.0.1:8080` or `https://shop.example/weir`. A
   * path is kept. `/trpc` and a slash at its end may be given or left out.
   */
  readonly url: string;
  /**
   * An API key, or a function that brings a token, such as one of a few minutes for a browser. Space
   * around it, such as the end of a file's line, is left out.
   */
  readonly token: TokenSource;
  /**
   * The WebSocket class for subscriptions instead of the global one, such as the one of the package
   * `ws`. Deno's own is slow with messages over a kilobyte, so pass the one of `npm:ws` there.
   */
  readonly WebSocket?: WebSocketClass;
  /**
   * The way of subscriptions. `auto`, the default, is a WebSocket where there is one that opens, and
   * else an event stream.
   */
  readonly subscribeBy?: "auto" | "websocket" | "events";
}

/** The parts that the global class and the one of `ws` have in common. */
export interface WebSocketClass {
  new (url: string, protocols?: string | string[]): {
    send(data: string): void;
    close(code?: number): void;
  };
}

/** The call is sent once, if the runtime lets that be told. Calls made together share a request. */
export const ONCE = { once: true };
/** The same in a request of its own: its neighbours' bodies must not fail it. */
export const ALONE = { once: true, alone: true };

export interface Transport {
  readonly api: TRPCClient<AppRouter>;
  readonly token: Token;
  /** True when the refusal of a call is the answer to the only request that was sent for it. */
  readonly isOnce: boolean;
  /** Calls back when subscriptions go another way from now on. @returns ends that */
  onOtherWay(listener: () => void): () => void;
  close(): Promise<void>;
}

/** The most calls of one request. */
const MAX_BATCH = 50;
/** So many sockets that never opened mean that none will. */
const MAX_FAILED_SOCKETS = 3;

/**
 * @param way the way in which the runtime sends requests.
 * @throws TypeError when `url` or `token` cannot be those of an instance
 */
export function openTransport(
  options: TransportOptions,
  way: FetchWay = fetchWayOfRuntime(),
): Transport {
  const endpoint = endpointOf(options.url);
  const token = new Token(options.token);
  const sockets = new Sockets(endpoint.webSocket, token, options, () => isAnswered(api));
  const headers = async () => ({ authorization: `Bearer ${await token.current()}` });
  const http = { url: endpoint.http, headers, fetch: fetchJson(null) };
  const once = { ...http, fetch: fetchJson(way) };
  const links: TRPCLink<AppRouter>[] = [
    splitLink({
      condition: ({ type }) => type === "subscription",
      true: splitLink({
        condition: () => sockets.areUsed,
        true: (runtime) => (call) => wsLink<AppRouter>({ client: sockets.open() })(runtime)(call),
        false: httpSubscriptionLink({
          url: endpoint.http,
          EventSource,
          eventSourceOptions: () => ({ fetch: withToken(token) }),
        }),
      }),
      false: splitLink({
        condition: ({ context }) => context["alone"] === true,
        true: httpLink(once),
        false: splitLink({
          condition: ({ context }) => context["once"] === true,
          true: httpBatchLink({ ...once, maxItems: MAX_BATCH }),
          false: httpBatchLink({ ...http, maxItems: MAX_BATCH }),
        }),
      }),
    }),
  ];
  const api = createTRPCClient<AppRouter>({ links });
  return {
    api,
    token,
    isOnce: way.isOnce,
    onOtherWay: (listener) => sockets.onGivenUp(listener),
    close: () => sockets.close(),
  };
}

/** True when Weir answers a call, also with a refusal: it can be reached, if not by a WebSocket. */
async function isAnswered(api: TRPCClient<AppRouter>): Promise<boolean> {
  try {
    await api.whoami.query();
    return true;
  } catch (error) {
    return errorDataOf(error) !== null;
  }
}

/** Calls `fetch` with the token of the moment: an event stream connects anew by itself. */
function withToken(token: Token) {
  return async (url: string | URL, init: RequestInit): Promise<Response> => {
    const headers = new Headers(init.headers);
    headers.set("authorization", `Bearer ${await token.current()}`);
    return await fetch(url, { ...init, headers });
  };
}

/**
 * Calls `fetch`. Anything but JSON comes from somebody else: a proxy, or what stands at a wrong
 * address. The error says so, where a parser would only tell of an unexpected character.
 */
function fetchJson(way: FetchWay | null) {
  return async (input: URL | RequestInfo, init: object = {}): Promise<Response> =>
    jsonOf(String(input), await fetch(input, way === null ? init : sentOnce(init, way)));
}

async function jsonOf(url: string, response: Response): Promise<Response> {
  const type = response.headers.get("content-type") ?? "no content type";
  if (type.startsWith("application/json")) return response;
  const { origin, pathname } = new URL(url);
  await response.body?.cancel();
  const place = origin + pathname.replace(/\/trpc\/.*$/, "/trpc");
  throw new TypeError(`no answer of Weir at ${place}: HTTP ${response.status}, ${type}`);
}

/** The socket of all subscriptions. It is made when the first of them begins. */
class Sockets {
  #client: TRPCWebSocketClient | null = null;
  #hasOpened = false;
  #failures = 0;
  #isGivenUp = false;
  readonly #listeners = new Set<() => void>();

  constructor(
    readonly url: string,
    readonly token: Token,
    readonly options: Pick<TransportOptions, "WebSocket" | "subscribeBy">,
    readonly isReachable: () => Promise<boolean>,
  ) {}

  /** @throws TypeError when a WebSocket is asked for and the runtime has none */
  get areUsed(): boolean {
    const { subscribeBy = "auto" } = this.options;
    if (subscribeBy === "events") return false;
    if (this.#class() !== undefined) return subscribeBy === "websocket" || !this.#isGivenUp;
    if (subscribeBy === "auto") return false;
    throw new TypeError(
      'this runtime has no WebSocket: pass the class of the package "ws" as the option WebSocket of ' +
        "createWeirClient, use Node 22 or newer, or leave subscribeBy out",
    );
  }

  open(): TRPCWebSocketClient {
    return this.#client ??= createWSClient({
      url: this.url,
      connectionParams: async () => ({ token: await this.token.current() }),
      lazy: { enabled: true, closeMs: 60_000 },
      keepAlive: { enabled: true, intervalMs: 10_000, pongTimeoutMs: 5_000 },
      retryDelayMs: (attempt) => Math.min(5_000, 250 * 2 ** attempt) * (0.5 + Math.random() / 2),
      WebSocket: this.#class()!,
      onOpen: () => this.#hasOpened = true,
      onError: () => void this.#failed(),
    });
  }

  onGivenUp(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async close(): Promise<void> {
    this.#listeners.clear();
    await this.#client?.close();
  }

  #class(): typeof WebSocket | undefined {
    return (this.options.WebSocket ?? globalThis.WebSocket) as typeof WebSocket | undefined;
  }

  /** A service that is down refuses a socket too. So a call decides whether to give up. */
  async #failed(): Promise<void> {
    if (this.#hasOpened || this.#isGivenUp || this.options.subscribeBy === "websocket") return;
    if (++this.#failures < MAX_FAILED_SOCKETS) return;
    this.#failures = 0;
    if (!(await this.isReachable()) || this.#hasOpened || this.#isGivenUp) return;
    this.#isGivenUp = true;
    for (const listener of [...this.#listeners]) listener();
    await this.#client?.close();
  }
}
