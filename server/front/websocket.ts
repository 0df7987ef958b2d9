/**
 * tRPC over WebSocket: tRPC's own connection handler on sockets of the `ws` package. The values that
 * many subscribers share go past both: `senderOf` writes them to the connection.
 *
 * A client that does not read costs one frame: streams send one frame at a time, when little else is
 * unread (slots.ts), and skip to the newest. A client that reads nothing for 30 s (slow_clients.ts)
 * is disconnected, and so is one that keeps sending calls without reading the answers.
 *
 * A message over 1 MiB is cut while it arrives. The bytes of a message that is not there in full are
 * paid for, as those of a body are; a stranger may have few of them. The connection of a wrong key
 * ends with the first refusal.
 *
 * Tested in tests/server/front/message_bounds_test.ts and slow_clients_test.ts.
 */
import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import type { Buffer } from "node:buffer";
import { getWSConnectionHandler, jsonEncoder } from "@trpc/server/adapters/ws";
// @ts-types="@types/ws"
import { WebSocket, WebSocketServer as Server } from "ws";
import { Refused } from "../../client/contract/refused.ts";
import type { Connection, Principal, ValueSender } from "../router/context.ts";
import { MAX_BATCH_CALLS } from "../router/errors.ts";
import { appRouter } from "../router/mod.ts";
import { bearerToken } from "./keys/auth.ts";
import { isBrowserToken } from "./keys/browser_tokens.ts";
import { contextOf } from "./keys/connection_credential.ts";
import { MAX_BODY_BYTES } from "./connections/body.ts";
import type { Visitor } from "./connections/visitors.ts";
import { notedId, noteId } from "./frames/call_ids.ts";
import { messageText, socketFrame } from "./frames/frame_text.ts";
import type { Front } from "./front.ts";
import { Slots } from "./slots.ts";
import type { WatchedClient } from "./slow_clients.ts";

/** With more than this unread, the next frame waits. A frame may have nearly a mebibyte. */
const FULL_BYTES = 65_536;
/**
 * Answers may pass that bound: one message can hold many calls, and all of them are answered before
 * the client can have read anything. Past this many unread bytes the client is disconnected.
 */
const MAX_UNREAD_BYTES = 4 * MAX_BODY_BYTES;
/** No more than this is taken from a stranger. Its first message holds its key. */
const STRANGER_BYTES = 16_384;
/** A client that is cut off hears why within this time. */
const CUT_MS = 1_000;
/** Calls of a message that are refused one by one. */
const MAX_REFUSED_CALLS = 1_000;
/** Going away, and a policy that the client breaks: RFC 6455. */
const CLOSE_GOING_AWAY = 1_001;
const CLOSE_POLICY = 1_008;
/** A reason has at most 123 bytes. The answer to the call says more. */
const WRONG_KEY = "the API key is wrong or revoked";
const WRONG_TOKEN = "the token is refused";

/** All WebSocket connections of an instance. */
export interface WebSocketServer {
  /** Answers an upgrade request. */
  upgrade(incoming: IncomingMessage, socket: Socket, head: Buffer, visitor: Visitor): void;
  /** Tells every client to connect elsewhere, and closes. */
  close(): void;
  /** Looks after no connection any more. */
  stop(): void;
}

/**
 * Serves `appRouter` over WebSocket. A connection on which the client has said nothing for twice
 * `keepAliveMs` gets a ping of the protocol, which every client answers by itself. Proxies then see
 * a connection in use. One that does not answer in the same time is closed.
 */
export function createWebSocketServer(front: Front): WebSocketServer {
  const sockets = new Set<ClientSocket>();
  const server = new Server({
    noServer: true,
    clientTracking: false,
    maxPayload: MAX_BODY_BYTES,
    perMessageDeflate: false,
    WebSocket: ClientSocket,
  });
  const looking = setInterval(() => {
    for (const socket of sockets) socket.keepAlive();
  }, 2 * front.keepAliveMs);
  const serve = (socket: ClientSocket, incoming: IncomingMessage, visitor: Visitor) => {
    const header = bearerToken(incoming.headers.authorization ?? null);
    const { slots } = socket;
    const isGone = () => socket.readyState !== WebSocket.OPEN;
    const streams = front.streams.ofConnection();
    const answers = front.answers.ofConnection(slots, isGone);
    const senderOf: Connection["senderOf"] = async (read) => socket.senderOf(await read());
    const connection = { slots, streams, answers, senderOf };
    socket.begin(front, visitor, incoming.socket);
    sockets.add(socket);
    front.slowClients.add(socket);
    socket.once("close", () => {
      sockets.delete(socket);
      front.slowClients.delete(socket);
    });
    const { services } = front;
    getWSConnectionHandler(
      {
        router: appRouter,
        maxBatchSize: MAX_BATCH_CALLS,
        experimental_encoder: {
          encode: messageText,
          decode: (message) => socket.decode(message),
        },
        createContext: ({ info }) =>
          contextOf({
            services,
            connection,
            socket,
            token: info.connectionParams?.["token"] ?? header,
          }),
      } as Parameters<typeof getWSConnectionHandler<typeof appRouter>>[0],
    )(socket, incoming);
  };
  return {
    upgrade: (incoming, socket, head, visitor) =>
      server.handleUpgrade(
        incoming,
        socket,
        head,
        (client) => serve(client as ClientSocket, incoming, visitor),
      ),
    close: () => {
      for (const socket of sockets) {
        socket.send(JSON.stringify({ id: null, method: "reconnect" }));
        socket.close(CLOSE_GOING_AWAY);
      }
    },
    stop: () => {
      clearInterval(looking);
      for (const socket of sockets) socket.terminate(); // one whose client does not answer the end
    },
  };
}

/** A client's socket, with what it has not read and what has not arrived in full. */
class ClientSocket extends WebSocket implements WatchedClient {
  readonly slots = new Slots(() => this.#drained());
  #sentBytes = 0;
  /** True when the client has said something since the latest look. */
  #isHeard = true;
  /** The reason for the end of a connection whose first call was refused; null: it was not. */
  #refusal: string | null = null;
  #visitor: Visitor | null = null;
  #wire: Socket | null = null;
  #share: ReturnType<Front["unread"]["open"]> | null = null;
  #front: Front | null = null;
  /** Bytes since the latest message. */
  #unfinishedBytes = 0;
  #cutTimer: ReturnType<typeof setTimeout> | undefined;
  /** Resolves for each who waits until the connection has taken more. */
  #waiting: (() => void)[] = [];
  readonly #whenTaken = () => this.#taken();

  /** Begins to count. @param wire the connection below */
  begin(front: Front, visitor: Visitor, wire: Socket): void {
    this.#front = front;
    this.#wire = wire;
    this.#visitor = visitor;
    this.#share = front.unread.open(visitor.address);
    visitor.socket.on("data", ({ length }: Buffer) => this.#receive(length));
    this.on("message", () => this.#received());
    this.on("pong", () => this.#isHeard = true);
    this.once("error", () => this.#cut());
    this.once("close", () => {
      clearTimeout(this.#cutTimer);
      this.#share?.giveBack();
      this.#taken();
    });
  }

  /** A good key has been shown. @returns true: later calls ask anew, since it may be revoked */
  known({ keyId }: Principal): true {
    this.#visitor?.known();
    if (this.isPaused) this.resume();
    this.#share?.giveBack();
    this.#share = this.#front?.unread.open(keyId) ?? null;
    return true;
  }

  /**
   * The first answer is a refusal, and the last one. An outage is no fault of the client: its next
   * call asks again. @returns true then
   */
  refused(error: unknown, token: string | null): boolean {
    if (!(error instanceof Refused) || error.reason !== "unauthenticated") return true;
    this.#refusal = token !== null && isBrowserToken(token) ? WRONG_TOKEN : WRONG_KEY;
    return false;
  }

  /**
   * The calls of a message. Far too many are not even refused one by one, since their refusals would
   * cost more than the calls: the connection ends.
   */
  decode(message: string | ArrayBuffer | Uint8Array): unknown {
    const calls: unknown = jsonEncoder.decode(message);
    const count = Array.isArray(calls) ? calls.length : 1;
    if (count > MAX_BATCH_CALLS) this.#front?.metrics.doorRefusals.inc({ why: "calls" });
    if (!Array.isArray(calls)) noteId(calls);
    else if (calls.length <= MAX_REFUSED_CALLS) calls.forEach(noteId);
    else {
      this.#refuse(`a message has at most ${MAX_BATCH_CALLS} calls`);
      return [];
    }
    return calls;
  }

  /** The sender for the values of a subscription; null: tRPC has to send them. */
  senderOf(rawInput: unknown): ValueSender | null {
    const id = notedId(rawInput);
    if (id === null) return null;
    return {
      frame: (eventId, data) => this.#write(socketFrame(id, { eventId, data })),
      update: (eventId, data) => this.#write(socketFrame(id, { eventId, data })),
      status: (data) => this.#write(socketFrame(id, { eventId: null, data })),
    };
  }

  /** Writes a whole frame. `ws` would write its head and its text one after the other. */
  #write(frame: Uint8Array): void {
    if (this.readyState !== WebSocket.OPEN) return;
    this.#wire?.write(frame, this.#whenTaken);
    this.#sentBytes += frame.length;
  }

  #refuse(why: string): void {
    this.close(CLOSE_POLICY, why);
    this.#cut();
  }

  /**
   * Ends a connection that has broken the protocol or a bound. `ws` has sent why, and would go on
   * reading what the client still sends. That costs time, so nothing more is read, and the client has
   * a moment to hear why.
   */
  #cut(): void {
    setTimeout(() => this.#visitor?.socket.pause(), 0); // after `ws` has begun to throw away
    this.#cutTimer ??= setTimeout(() => this.terminate(), CUT_MS);
  }

  /** Asks a silent client whether it is there. One that has not answered is gone. */
  keepAlive(): void {
    if (this.unreadBytes > 0) return; // it would not read a ping either; see slow_clients.ts
    if (!this.#isHeard) return this.terminate();
    this.#isHeard = false;
    this.ping();
  }

  get unreadBytes(): number {
    return this.readyState === WebSocket.OPEN ? this.bufferedAmount : 0;
  }

  get takenBytes(): number {
    return this.#sentBytes - this.unreadBytes;
  }

  giveUp(): void {
    this.terminate();
  }

  override send(data: string | Uint8Array): void {
    if (this.readyState !== WebSocket.OPEN) return;
    if (this.unreadBytes > MAX_UNREAD_BYTES) return this.terminate();
    const before = this.unreadBytes;
    super.send(data, { binary: false }, this.#whenTaken);
    this.#sentBytes += Math.max(data.length, this.unreadBytes - before);
    if (this.#refusal !== null) this.#refuse(this.#refusal);
  }

  /** Resolves when the client has read enough of what was sent, or is gone. */
  async #drained(): Promise<void> {
    while (this.unreadBytes > FULL_BYTES) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  #taken(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }

  #receive(bytes: number): void {
    this.#isHeard = true;
    this.#unfinishedBytes += bytes;
    if (this.#share?.take(bytes) === false) return this.terminate();
    const isMuch = this.#visitor?.isStranger === true && this.#unfinishedBytes > STRANGER_BYTES;
    if (isMuch) this.pause(); // until its key is known; a stranger without one is closed soon
  }

  #received(): void {
    this.#unfinishedBytes = 0;
    this.#share?.giveBack();
  }
}
