/**
 * The transport of a client: calls over HTTP, those made together in one request, and subscriptions over
 * one WebSocket. Where there is no WebSocket, subscriptions are event streams over `fetch`. So it is
 * where a proxy lets none through.
 *
 * Tested in tests/client/mod_test.ts and tests/client/api/transport_test.ts.
 */
import {
  createTRPCClient,
  httpBatchLink,
  httpLink,
  httpSubscriptionLink,
  splitLink,
  type TRPCClient,
  type TRPCLink,
  wsLink,
} from "@trpc/client";
import { observable } from "@trpc/server/observable";
import { EventSource } from "eventsource";
import type { AppRouter } from "./app_router.ts";
import { endpointOf } from "./endpoint.ts";
import { type FetchWay, fetchWayOfRuntime, sentOnce } from "./fetch_once.ts";
import { Sockets, type WebSocketClass } from "./sockets.ts";
import { errorDataOf, WeirError } from "./weir_error.ts";
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

/** The call is sent once, if the runtime lets that be told. Calls made together share a request. */
export const ONCE = { once: true };
/** The same in a request of its own: its neighbours' bodies must not fail it. */
export const ALONE = { once: true, alone: true };

export interface Transport {
  readonly api: TRPCClient<AppRouter>;
  readonly token: Token;
  /** True when the refusal of a call is the answer to the only request that was sent for it. */
  readonly isOnce: boolean;
  /** A subscription was refused for its token. @returns true when another token may be had */
  tokenRefused(): boolean;
  /** The error of a subscription whose connection is lost or was never made; null: it says nothing. */
  lossOf(error: unknown): WeirError | null;
  /** Calls back when subscriptions go another way from now on. @returns ends that */
  onOtherWay(listener: () => void): () => void;
  close(): Promise<void>;
}

/** A browser does not tell a page why a connection was refused. */
const HINT = "a page needs its origin in WEIR_ALLOWED_ORIGINS of that service";
/** The most calls of one request. */
const MAX_BATCH = 50;

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
  const sockets = new Sockets(endpoint.webSocket, token, options, {
    isReachable: () => isAnswered(api),
    renew: (next) => api.renewToken.mutate({ token: next }),
  });
  const headers = async () => ({ authorization: `Bearer ${await token.current()}` });
  const http = { url: endpoint.http, headers, fetch: fetchJson(null) };
  const once = { ...http, fetch: fetchJson(way) };
  const overSocket: TRPCLink<AppRouter> = (runtime) => (call) =>
    observable((observer) => {
      const link = wsLink<AppRouter>({ client: sockets.open() })(runtime)(call);
      const end = link.subscribe(observer);
      return () => {
        end.unsubscribe();
        sockets.left();
      };
    });
  const links: TRPCLink<AppRouter>[] = [
    splitLink({
      condition: ({ type }) => type === "subscription",
      true: splitLink({
        condition: () => sockets.areUsed,
        true: overSocket,
        false: httpSubscriptionLink({
          url: endpoint.http,
          EventSource,
          eventSourceOptions: () => ({ fetch: withToken(token) }),
        }),
      }),
      false: splitLink({
        condition: ({ path }) => path === "renewToken" && sockets.areUsed,
        true: overSocket,
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
    }),
  ];
  const api = createTRPCClient<AppRouter>({ links });
  return {
    api,
    token,
    isOnce: way.isOnce,
    tokenRefused: () => {
      const isRenewable = token.refused(null);
      if (isRenewable) sockets.startOver();
      return isRenewable;
    },
    lossOf: (error) => {
      if (error === null || error === undefined) return null;
      const words = `no connection to ${endpoint.http}: ${wordsOf(error)}; ${HINT}`;
      return new WeirError("no_answer", words, {}, { cause: error });
    },
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
  return async (input: URL | RequestInfo, init: object = {}): Promise<Response> => {
    const request = fetch(input, way === null ? init : sentOnce(init, way));
    return await jsonOf(String(input), await request.catch((cause) => unreached(input, cause)));
  };
}

/** A runtime's own words have no address, and a browser's have no cause. */
function unreached(input: URL | RequestInfo, cause: unknown): never {
  if (Object(cause).name === "AbortError") throw cause;
  throw new TypeError(`no answer from ${placeOf(String(input))}: ${wordsOf(cause)}`, { cause });
}

function placeOf(url: string): string {
  const { origin, pathname } = new URL(url);
  return origin + pathname.replace(/\/trpc\/.*$/, "/trpc");
}

function wordsOf(error: unknown): string {
  const { message, cause } = Object(error) as { message?: unknown; cause?: unknown };
  const deeper = cause === undefined ? "" : wordsOf(cause);
  return deeper === "" ? String(message ?? error) : `${message}: ${deeper}`;
}

async function jsonOf(url: string, response: Response): Promise<Response> {
  const type = response.headers.get("content-type") ?? "no content type";
  if (type.startsWith("application/json")) return response;
  await response.body?.cancel();
  throw new TypeError(`no answer of Weir at ${placeOf(url)}: HTTP ${response.status}, ${type}`);
}
