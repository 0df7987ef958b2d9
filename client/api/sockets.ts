/**
 * The socket of subscriptions: made with the first of them, given up where a proxy lets none through, and
 * given another token before the one that it has expires.
 *
 * Tested in tests/client/api/transport_test.ts.
 */
import { createWSClient, type TRPCWebSocketClient } from "@trpc/client";
import type { Token } from "./token.ts";

/** The parts that the global class and the one of `ws` have in common. */
export interface WebSocketClass {
  new (url: string, protocols?: string | string[]): {
    send(data: string): void;
    close(code?: number): void;
  };
}

export interface SocketOptions {
  readonly WebSocket?: WebSocketClass;
  readonly subscribeBy?: "auto" | "websocket" | "events";
}

/** The calls that a socket needs. */
export interface SocketCalls {
  /** True when Weir answers a call, by whatever way. */
  isReachable(): Promise<boolean>;
  /** Gives the open connection another token. */
  renew(token: string): Promise<unknown>;
}

/** So many sockets that never opened mean that none will. */
const MAX_FAILED_SOCKETS = 3;
/** A token that lives shorter is not renewed more often than this. */
const SHORTEST_LIFE_MS = 1_000;
/** The longest delay of a timer. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** The socket of all subscriptions. It is made when the first of them begins. */
export class Sockets {
  #client: TRPCWebSocketClient | null = null;
  #hasOpened = false;
  #failures = 0;
  #isGivenUp = false;
  #renewal: ReturnType<typeof setTimeout> | undefined;
  readonly #listeners = new Set<() => void>();

  constructor(
    readonly url: string,
    readonly token: Token,
    readonly options: SocketOptions,
    readonly calls: SocketCalls,
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
      connectionParams: async () => {
        const token = await this.token.current();
        this.#renewInTime();
        return { token };
      },
      lazy: { enabled: true, closeMs: 60_000 },
      keepAlive: { enabled: true, intervalMs: 10_000, pongTimeoutMs: 5_000 },
      retryDelayMs: (attempt) => Math.min(5_000, 250 * 2 ** attempt) * (0.5 + Math.random() / 2),
      WebSocket: this.#class()!,
      onOpen: () => this.#hasOpened = true,
      onClose: () => clearTimeout(this.#renewal),
      onError: () => void this.#failed(),
    });
  }

  onGivenUp(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async close(): Promise<void> {
    this.#listeners.clear();
    clearTimeout(this.#renewal);
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
    if (!(await this.calls.isReachable()) || this.#hasOpened || this.#isGivenUp) return;
    this.#isGivenUp = true;
    for (const listener of [...this.#listeners]) listener();
    await this.#client?.close();
  }

  /** Gives the open connection another token before the one that it has expires. */
  #renewInTime(): void {
    clearTimeout(this.#renewal);
    const inMs = this.token.renewInMs;
    if (inMs === null) return;
    const renew = async () => {
      // A refusal ends nothing yet: the server does that when the time is over.
      await this.calls.renew(await this.token.current()).catch(() => undefined);
      this.#renewInTime();
    };
    const waitMs = Math.min(LONGEST_TIMER_MS, Math.max(SHORTEST_LIFE_MS, inMs));
    this.#renewal = setTimeout(() => void renew().catch(() => this.#renewInTime()), waitMs);
  }
}
