/**
 * tRPC over WebSocket on `Deno.serve`: tRPC's own connection handler, given a socket that looks like
 * one of the `ws` package. This is the one file that adapts types with a cast.
 *
 * Deno buffers without bound for a client that does not read, so whoever sends a stream waits for
 * `drained` between frames; a client that stays full for `FULL_TOO_LONG_MS` is cut.
 */
import { EventEmitter } from "node:events";
import { Buffer } from "node:buffer";
import { getWSConnectionHandler } from "@trpc/server/adapters/ws";
import { refuse } from "../actors/refusal.ts";
import { bearerToken } from "./auth.ts";
import type { Services } from "./router/context.ts";
import { CODE_OF_REASON } from "./router/errors.ts";
import { appRouter } from "./router/mod.ts";

export const MAX_MESSAGE_BYTES = 1_048_576;
/** What a client may have unread before the next frame waits for it. */
const FULL_BYTES = 262_144;
const FULL_TOO_LONG_MS = 30_000;
const LOOK_EVERY_MS = 50;
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

/** Serves `appRouter` over WebSocket. */
export function createWebSocketServer(services: Services): WebSocketServer {
  const sockets = new Set<SocketShim>();
  return {
    upgrade: (request) => {
      // Both have to be read before the upgrade: the request is gone after it.
      const url = new URL(request.url);
      const token = bearerToken(request.headers.get("authorization"));
      const { socket, response } = Deno.upgradeWebSocket(request);
      const shim = new SocketShim(socket);
      const handle = getWSConnectionHandler(
        {
          router: appRouter,
          createContext: ({ info }) => ({
            services,
            token: info.connectionParams?.["token"] ?? token,
            drained: () => shim.drained(),
          }),
        } as Parameters<typeof getWSConnectionHandler<typeof appRouter>>[0],
      );
      socket.addEventListener("open", () => {
        sockets.add(shim);
        handle(
          shim as unknown as HandlerSocket,
          { url: url.pathname + url.search, headers: { host: url.host } } as HandlerRequest,
        );
      });
      shim.once("close", () => sockets.delete(shim));
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
class SocketShim extends EventEmitter {
  #closed = false;

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

  send(data: string | Uint8Array<ArrayBuffer>): void {
    if (this.readyState === OPEN) this.socket.send(data);
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
  async drained(): Promise<void> {
    const fullSince = performance.now();
    while (this.readyState === OPEN && this.socket.bufferedAmount > FULL_BYTES) {
      if (performance.now() - fullSince > FULL_TOO_LONG_MS) return this.terminate();
      await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
    }
  }

  #receive(data: string | ArrayBuffer): void {
    const isBinary = typeof data !== "string";
    const message = isBinary ? Buffer.from(data) : Buffer.from(data, "utf8");
    if (message.length > MAX_MESSAGE_BYTES) this.#refuseTooLarge(message);
    else this.emit("message", message, isBinary);
  }

  /** Answers the call that the message holds, if its id can be found near the beginning. */
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

/** The error shape of a body or message over the bound, for where tRPC is not reached. */
export const TOO_LARGE = {
  message: tooLarge.message,
  code: -32_013,
  data: { code: CODE_OF_REASON[tooLarge.reason], httpStatus: 413, reason: tooLarge.reason },
};
