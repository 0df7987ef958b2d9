/**
 * tRPC over WebSocket on `Deno.serve`: tRPC's own connection handler, given a socket that looks like
 * one of the `ws` package. This is the one file that adapts types with a cast.
 *
 * Deno buffers without bound for a client that does not read. So streams send one frame at a time,
 * when little else is unread (slots.ts): a subscriber that does not read costs one frame, and skips
 * to the newest. A client that reads nothing for 30 s (slow_clients.ts) is disconnected, even if only
 * one frame is unread. So is a client that keeps sending calls without reading the answers.
 *
 * Disconnected means that the instance keeps nothing for the client and does nothing for it. The
 * connection itself stays in `Deno.serve` until the client has read what was sent, or is gone.
 *
 * Tested in tests/server/front/message_bounds_test.ts and slow_clients_test.ts.
 */
import { EventEmitter } from "node:events";
import { Buffer } from "node:buffer";
import { getWSConnectionHandler } from "@trpc/server/adapters/ws";
import { refuse } from "../../client/contract/refusal.ts";
import type { AnswerBudget } from "./answer_budget.ts";
import { bearerToken } from "./auth.ts";
import type { SlowClients, WatchedClient } from "./slow_clients.ts";
import type { Context, Services } from "../router/context.ts";
import { CODE_OF_REASON } from "../router/errors.ts";
import { appRouter } from "../router/mod.ts";
import { Slots } from "./slots.ts";

export const MAX_MESSAGE_BYTES = 1_048_576;
/** With more than this unread, the next frame waits. A frame may have nearly a mebibyte. */
const FULL_BYTES = 65_536;
/**
 * Answers may pass that bound: one message can hold hundreds of calls, and all of them are answered
 * before the client can have read anything. Past this many unread bytes the client is disconnected.
 */
const MAX_UNREAD_BYTES = 4 * MAX_MESSAGE_BYTES;
/** Deno gives no event when the client has read, so we look: soon at first, then less often. */
const MAX_LOOK_MS = 50;
/** Going away, RFC 6455. */
const CLOSE_GOING_AWAY = 1_001;
const OPEN = 1;

type Handler = ReturnType<typeof getWSConnectionHandler<typeof appRouter>>;
type HandlerSocket = Parameters<Handler>[0];
type HandlerRequest = Parameters<Handler>[1];

/** All WebSocket connections of an instance. */
export interface WebSocketServer {
  /** Answers an upgrade request. */
  upgrade(request: Request): Response;
  /** Tells every client to connect elsewhere, and closes. */
  close(): void;
}

/**
 * Serves `appRouter` over WebSocket.
 * @param keepAliveMs a connection on which the client has said nothing for this long gets a ping of
 * the protocol, which every client answers by itself. Proxies then see a connection in use. One that
 * does not answer in the same time is closed.
 */
export function createWebSocketServer(
  services: Services,
  slowClients: SlowClients,
  keepAliveMs: number,
  answers: AnswerBudget,
): WebSocketServer {
  const idleTimeout = 2 * keepAliveMs / 1_000; // in seconds; Deno sends the ping after half of it
  const sockets = new Set<SocketShim>();
  return {
    upgrade: (request) => {
      // URL and headers have to be read before the upgrade: the request is gone after it.
      const url = new URL(request.url);
      const token = bearerToken(request.headers.get("authorization"));
      const { socket, response } = Deno.upgradeWebSocket(request, { idleTimeout });
      const shim = new SocketShim(socket);
      const ownAnswers = answers.ofConnection(shim.slots);
      const handle = getWSConnectionHandler(
        {
          router: appRouter,
          createContext: ({ info }): Context => ({
            services,
            token: info.connectionParams?.["token"] ?? token,
            slots: shim.slots,
            answers: ownAnswers,
          }),
        } as Parameters<typeof getWSConnectionHandler<typeof appRouter>>[0],
      );
      socket.addEventListener("open", () => {
        sockets.add(shim);
        slowClients.add(shim);
        handle(
          shim as unknown as HandlerSocket,
          { url: url.pathname + url.search, headers: { host: url.host } } as HandlerRequest,
        );
      });
      shim.once("close", () => {
        sockets.delete(shim);
        slowClients.delete(shim);
      });
      return response;
    },
    close: () => {
      for (const shim of sockets) {
        shim.send(JSON.stringify({ id: null, method: "reconnect" }));
        shim.close(CLOSE_GOING_AWAY);
      }
    },
  };
}

/** A `WebSocket` with the events and methods of the `ws` package that tRPC's handler uses. */
class SocketShim extends EventEmitter implements WatchedClient {
  readonly slots = new Slots(() => this.#drained());
  #closed = false;
  #sentBytes = 0;

  constructor(readonly socket: WebSocket) {
    super();
    socket.binaryType = "arraybuffer";
    socket.addEventListener("message", ({ data }) => this.#receive(data));
    socket.addEventListener("close", () => this.#emitClose());
    socket.addEventListener("error", (event) => {
      this.emit("error", event instanceof ErrorEvent ? event.error : new Error("socket error"));
    });
  }

  get readyState(): number {
    return this.#closed ? WebSocket.CLOSED : this.socket.readyState;
  }

  get unreadBytes(): number {
    return this.readyState === OPEN ? this.socket.bufferedAmount : 0;
  }

  get takenBytes(): number {
    return this.#sentBytes - this.unreadBytes;
  }

  giveUp(): void {
    this.terminate();
  }

  send(data: string | Uint8Array<ArrayBuffer>): void {
    if (this.readyState !== OPEN) return;
    const before = this.unreadBytes;
    if (before > MAX_UNREAD_BYTES) return this.terminate();
    this.socket.send(data);
    this.#sentBytes += this.unreadBytes - before;
  }

  close(code?: number): void {
    this.socket.close(code);
  }

  /** Ends the connection without a handshake, which a dead peer would never answer. */
  terminate(): void {
    this.socket.close();
    this.#emitClose();
  }

  /** Resolves when the client has read enough of what was sent, or is gone. */
  async #drained(): Promise<void> {
    for (
      let waitMs = 1;
      this.unreadBytes > FULL_BYTES;
      waitMs = Math.min(2 * waitMs, MAX_LOOK_MS)
    ) {
      await new Promise((resolve) => setTimeout(resolve, waitMs));
    }
  }

  #receive(data: string | ArrayBuffer): void {
    if (this.#closed) return; // a disconnected client gets no answer
    const isBinary = typeof data !== "string";
    const message = isBinary ? Buffer.from(data) : Buffer.from(data, "utf8");
    if (message.length > MAX_MESSAGE_BYTES) this.#refuseTooLarge(message);
    else this.emit("message", message, isBinary);
  }

  /** Answers the call in the message, if its id stands near the beginning. */
  #refuseTooLarge(message: Buffer): void {
    const [, id] = /"id":\s*(\d+)/.exec(message.toString("utf8", 0, 256)) ?? [];
    this.send(JSON.stringify({ id: id === undefined ? null : Number(id), error: TOO_LARGE }));
  }

  #emitClose(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.emit("close");
  }
}

const tooLarge = refuse(
  "payload_too_large",
  `a message must not be over ${MAX_MESSAGE_BYTES} bytes`,
);

/** The error of a body or message over the bound: it is answered before tRPC sees it. */
export const TOO_LARGE = {
  message: tooLarge.message,
  code: -32_013,
  data: { code: CODE_OF_REASON[tooLarge.reason], httpStatus: 413, reason: tooLarge.reason },
};
