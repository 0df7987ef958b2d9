/**
 * Calls made by hand, without tRPC's client: tests see the exact request and the exact answer.
 */
import { WebSocket } from "ws";

export type CallType = "query" | "mutation";

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  /** The parsed body. The text itself where that is not JSON. */
  readonly body: unknown;
  readonly text: string;
}

/** Calls over HTTP. `token` null: without a credential. */
export function callHttp(
  url: string,
  type: CallType,
  path: string,
  input: unknown,
  token: string | null,
): Promise<Answer> {
  const text = JSON.stringify(input);
  if (type === "mutation") {
    return request(`${url}/trpc/${path}`, {
      method: "POST",
      headers: { "content-type": "application/json", ...authorization(token) },
      ...(text === undefined ? {} : { body: text }),
    });
  }
  const query = text === undefined ? "" : `?input=${encodeURIComponent(text)}`;
  return request(`${url}/trpc/${path}${query}`, { headers: authorization(token) });
}

/** The header that carries a key. */
export function authorization(token: string | null): Record<string, string> {
  return token === null ? {} : { authorization: `Bearer ${token}` };
}

/** Calls `fetch` and reads the body. */
export async function request(url: string, init: RequestInit = {}): Promise<Answer> {
  const response = await fetch(url, init);
  const text = await response.text();
  return { status: response.status, headers: response.headers, body: parsed(text), text };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** Sends text over a connection of its own. @returns the answer until its end or its upgrade */
export async function exchange(port: number, text: string): Promise<string> {
  const connection = await Deno.connect({ hostname: "127.0.0.1", port });
  const writing = new Blob([text]).stream().pipeTo(connection.writable, { preventClose: true })
    .catch(() => undefined); // the server may answer and close before it has read everything
  let answer = "";
  try {
    for await (const part of connection.readable.pipeThrough(new TextDecoderStream())) {
      answer += part;
      if (answer.startsWith("HTTP/1.1 101 ")) break;
    }
  } catch {
    // The connection was reset after the answer, which counts.
  }
  await writing;
  return answer;
}

/** A message of tRPC over WebSocket, with the fields that tests read. */
export interface SocketMessage {
  readonly id?: number | string | null;
  readonly method?: string;
  readonly result?: { readonly type?: string; readonly id?: string; readonly data?: unknown };
  readonly error?: unknown;
}

/** A WebSocket connection that carries tRPC's messages, or anything else that a test sends. */
export class RawSocket {
  readonly messages: SocketMessage[] = [];
  readonly #wakers = new Set<() => void>();
  #nextId = 1;
  #closed = false;
  #taken = new Set<SocketMessage>();

  private constructor(readonly socket: WebSocket) {
    socket.on("message", (data: { toString(): string }) => {
      const text = data.toString();
      if (text !== "PONG" && text !== "PING") this.messages.push(JSON.parse(text));
      this.#wake();
    });
    socket.on("close", () => {
      this.#closed = true;
      this.#wake();
    });
    socket.on("error", () => this.#wake());
  }

  /** Connects, with the key in the connection params. `token` null: without a credential. */
  static async open(url: string, token: string | null): Promise<RawSocket> {
    const raw = await RawSocket.connect(url, "?connectionParams=1");
    raw.send({ method: "connectionParams", data: token === null ? null : { token } });
    return raw;
  }

  /** Connects and says nothing. */
  static async connect(
    url: string,
    query = "",
    headers: Readonly<Record<string, string>> = {},
  ): Promise<RawSocket> {
    const socket = new WebSocket(`${url.replace(/^http/, "ws")}/trpc${query}`, { headers });
    const raw = new RawSocket(socket);
    await new Promise<void>((resolve, reject) => {
      socket.once("open", () => resolve());
      socket.once("error", reject);
    });
    return raw;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Sends text and bytes as they are, and anything else as JSON. */
  send(message: unknown): void {
    const raw = typeof message === "string" || message instanceof Uint8Array;
    this.socket.send(raw ? message : JSON.stringify(message));
  }

  /** Calls a procedure and waits for the answer. */
  async call(type: CallType, path: string, input: unknown): Promise<SocketMessage> {
    const id = this.#nextId++;
    this.send({ id, method: type, params: { path, input } });
    return await this.next((message) => message.id === id);
  }

  /** Begins a subscription. @returns its id. */
  subscribe(path: string, input: unknown, lastEventId?: string): number {
    const id = this.#nextId++;
    const params = lastEventId === undefined ? { path, input } : { path, input, lastEventId };
    this.send({ id, method: "subscription", params });
    return id;
  }

  /** Waits for the first message that `fits` and was not returned before. */
  async next(
    fits: (message: SocketMessage) => boolean,
    timeoutMs = 20_000,
  ): Promise<SocketMessage> {
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      const found = this.messages.find((message) => !this.#taken.has(message) && fits(message));
      if (found !== undefined) {
        this.#taken.add(found);
        return found;
      }
      const left = deadline - performance.now();
      if (left <= 0) throw new Error(`no such message came within ${timeoutMs} ms`);
      if (this.#closed) throw new Error("the connection was closed before such a message came");
      await this.#change(left);
    }
  }

  /** Resolves when the connection has ended. */
  async ended(): Promise<void> {
    while (!this.#closed) await this.#change(20_000);
  }

  async close(): Promise<void> {
    this.socket.close();
    await this.ended();
  }

  /** Resolves at the next event, or after `ms`. */
  async #change(ms: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, ms);
    this.#wakers.add(resolve);
    await promise;
    clearTimeout(timer);
    this.#wakers.delete(resolve);
  }

  #wake(): void {
    for (const wake of this.#wakers) wake();
  }
}
