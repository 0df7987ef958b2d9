/**
 * Subscribers to the live feed that stop reading and later read on, over WebSocket and over
 * server-sent events. To a server they look like a frozen page.
 */
import { Buffer } from "node:buffer";
import { connect, type Socket } from "node:net";
import { KEY } from "../services/instance.ts";
import { RawSocket } from "./raw_calls.ts";
import { until } from "../services/services.ts";

export interface SlowReader {
  pause(): void;
  resume(): void;
  /** The ids of the frames that came, oldest first. */
  ids(): string[];
  /** The bytes that have come so far. */
  receivedBytes(): number;
  readonly closed: boolean;
  close(): Promise<void>;
}

/** Each subscribes to `dashboard.live` of all stores, and resolves after the first frame. */
export const SLOW_READERS: Readonly<Record<string, (url: string) => Promise<SlowReader>>> = {
  WebSocket: readWebSocket,
  SSE: readEvents,
};

async function readWebSocket(url: string): Promise<SlowReader> {
  const raw = await RawSocket.open(url, KEY);
  let receivedBytes = 0;
  raw.socket.on("message", (data: Buffer) => receivedBytes += data.length);
  raw.subscribe("dashboard.live", {});
  const ids = () => raw.messages.flatMap(({ result }) => result?.id ?? []);
  await until("the first frame", () => ids().length > 0);
  return {
    pause: () => raw.socket.pause(),
    resume: () => raw.socket.resume(),
    ids,
    receivedBytes: () => receivedBytes,
    get closed() {
      return raw.closed;
    },
    close: () => raw.close(),
  };
}

async function readEvents(url: string): Promise<SlowReader> {
  const stream = new RawConnection(url);
  stream.send(
    `GET /trpc/dashboard.live?input=%7B%7D HTTP/1.1\r\nHost: ${new URL(url).host}\r\n` +
      `Authorization: Bearer ${KEY}\r\nAccept: text/event-stream\r\n\r\n`,
  );
  // An id is a chunk of its own, so it is never split.
  const ids = () => [...stream.received.matchAll(/\nid: (\d+:\d+)\n/g)].map(([, id = ""]) => id);
  await until("the first frame", () => ids().length > 0);
  return {
    pause: () => stream.socket.pause(),
    resume: () => stream.socket.resume(),
    ids,
    receivedBytes: () => stream.received.length,
    get closed() {
      return stream.closed;
    },
    close: () => stream.close(),
  };
}

/** A TCP connection on which a test sends any text, and reads or does not. */
export class RawConnection {
  readonly socket: Socket;
  received = "";
  closed = false;

  constructor(url: string) {
    const { hostname, port } = new URL(url);
    this.socket = connect(Number(port), hostname);
    this.socket.on("data", (data: Buffer) => this.received += data.toString("latin1"));
    this.socket.on("error", () => undefined); // `close` follows
    this.socket.on("close", () => this.closed = true);
  }

  send(text: string): void {
    this.socket.write(text);
  }

  async close(): Promise<void> {
    this.socket.destroy();
    await until("the connection to be closed", () => this.closed);
  }
}
