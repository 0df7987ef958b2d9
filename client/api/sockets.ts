/**
 * The socket of subscriptions: made with the first of them, given up where a proxy lets none through, and
 * given another token before the one that it has expires.
 *
 * Tested in tests/client/api/transport_test.ts.
 */
import { createWSClient, type TRPCWebSocketClient } from "@trpc/client";
import { LONGEST_TIMER_MS } from "../clock.ts";
import type { Token } from "./token.ts";
import { WeirError } from "./weir_error.ts";

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
/** tRPC's own closing waits for a silence that its pings break. */
const IDLE_MS = 15_000;
/** The least time between two renewals, whatever a token says of its life. */
const LEAST_BETWEEN_MS = 2_000;

/** The socket of all subscriptions. It is made when the first of them begins. */
export class Sockets {
  #client: TRPCWebSocketClient | null = null;
  #hasOpened = false;
  #isOpen = false;
  #isClosed = false;
  #failures = 0;
  #isGivenUp = false;
  #renewal: ReturnType<typeof setTimeout> | undefined;
  /** Calls under way over the socket. */
  #calls = 0;
  #idle: ReturnType<typeof setTimeout> | undefined;
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

  /** @throws WeirError `aborted` after `close()` */
  open(): TRPCWebSocketClient {
    if (this.#isClosed) throw new WeirError("aborted", "the client was closed");
    this.#calls++;
    clearTimeout(this.#idle);
    return this.#client ??= createWSClient({
      url: this.url,
      connectionParams: async () => {
        const token = await this.token.current();
        this.#renewIn(this.token.renewInMs);
        return { token };
      },
      lazy: { enabled: true, closeMs: LONGEST_TIMER_MS },
      keepAlive: { enabled: true, intervalMs: 10_000, pongTimeoutMs: 5_000 },
      retryDelayMs: (attempt) => Math.min(5_000, 250 * 2 ** attempt) * (0.5 + Math.random() / 2),
      WebSocket: this.#class()!,
      onOpen: () => {
        this.#hasOpened = true;
        this.#isOpen = true;
      },
      onClose: () => {
        this.#isOpen = false;
        clearTimeout(this.#renewal);
      },
      onError: () => void this.#failed(),
    });
  }

  /** A call over the socket has ended. Without another one the connection is closed after a while. */
  left(): void {
    this.#calls--;
    if (this.#calls > 0 || this.#isClosed) return;
    clearTimeout(this.#idle);
    this.#idle = setTimeout(() => this.startOver(), IDLE_MS);
  }

  onGivenUp(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Ends the connection, whose token is refused. The next subscription opens another one. */
  startOver(): void {
    const refused = this.#client;
    this.#client = null;
    this.#isOpen = false;
    clearTimeout(this.#renewal);
    void refused?.close();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#idle);
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
  #renewIn(ms: number | null): void {
    clearTimeout(this.#renewal);
    if (ms === null || this.#isClosed) return;
    const waitMs = Math.min(LONGEST_TIMER_MS, Math.max(LEAST_BETWEEN_MS, ms));
    this.#renewal = setTimeout(() => void this.#renew(), waitMs);
  }

  async #renew(): Promise<void> {
    const client = this.#client;
    const isStillOpen = () => this.#isOpen && !this.#isClosed && this.#client === client;
    if (!isStillOpen()) return;
    try {
      await this.calls.renew(await this.token.fresh());
      if (isStillOpen()) this.#renewIn(this.token.renewInMs);
    } catch {
      // The old token is still good for a while: a backend that failed once is asked again.
      if (isStillOpen()) this.#renewIn(LEAST_BETWEEN_MS);
    }
  }
}
