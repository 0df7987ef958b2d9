/**
 * Plays exchanges with one instance, in raw form, and records each request and each answer.
 *
 * An exchange is an HTTP call, a stream of server-sent events, or a WebSocket connection. The
 * headers `Host`, `Connection` and `Content-Length` are always sent. The fixture leaves them out.
 */
import { KEY } from "../support/services/instance.ts";
import { authorization } from "../support/load/raw_calls.ts";
import { until } from "../support/services/services.ts";
import { normalised, normalisedHeaders, readable } from "./normalise.ts";
import { exchange, type HttpAnswer, HttpReply, type HttpRequest } from "./raw_http.ts";
import { WireSocket } from "./raw_socket.ts";

/** By the exchange's name, in the order played. */
export type Exchanges = Record<string, unknown>;

export interface CallOptions {
  /** Null: without a credential; left out: the key with every scope. */
  readonly token?: string | null;
  readonly headers?: Readonly<Record<string, string>>;
  /** The call is repeated until its answer fits; that answer alone is recorded. */
  readonly fits?: (text: string) => boolean;
}

export interface HttpOptions extends Pick<CallOptions, "fits"> {
  /** Returns the record in the fixture for the body of the answer. */
  readonly show?: (text: string) => unknown;
}

/** The blocks of an event stream, one at a time. */
export interface EventReader {
  /** Takes the next event. */
  next(): Promise<string>;
  /** Takes the next event that fits; those before it are not recorded. */
  await(fits: (block: string) => boolean): Promise<string>;
  /** Takes the next event, or records the end of the stream. */
  nextOrEnd(): Promise<void>;
}

export class Wire {
  readonly exchanges: Exchanges = {};
  readonly #names = new Map<string, string>();
  readonly #port: number;

  constructor(readonly url: string) {
    this.#port = Number(new URL(url).port);
  }

  /** From now on `placeholder` stands for `value` in the fixture. */
  name(value: string, placeholder: string): void {
    this.#names.set(value, placeholder);
  }

  /** A mutation over HTTP. `input` undefined: an empty body. */
  mutate(name: string, path: string, input: unknown, options: CallOptions = {}) {
    const body = input === undefined ? "" : JSON.stringify(input);
    return this.http(name, {
      method: "POST",
      target: `/trpc/${path}`,
      headers: { "content-type": "application/json", ...headersOf(options) },
      body,
    }, options);
  }

  /** A query over HTTP. */
  query(name: string, path: string, input: unknown, options: CallOptions = {}) {
    return this.http(name, {
      method: "GET",
      target: `/trpc/${path}${queryOf(input)}`,
      headers: headersOf(options),
    }, options);
  }

  /** Any HTTP request. */
  async http(
    name: string,
    request: HttpRequest,
    { fits = () => true, show = readable }: HttpOptions = {},
  ): Promise<HttpAnswer> {
    const answer = await until(`an answer that fits: ${name}`, async () => {
      const answer = await exchange(this.#port, request);
      return fits(answer.text) ? answer : null;
    });
    this.#record(name, {
      request: shownRequest(request),
      answer: {
        status: answer.status,
        headers: normalisedHeaders(answer.headers, answer.text, this.#names),
        body: show(answer.text),
      },
    });
    return answer;
  }

  /** A subscription by server-sent events. */
  async stream(
    name: string,
    path: string,
    input: unknown,
    read: (events: EventReader) => Promise<void>,
    options: CallOptions = {},
  ): Promise<void> {
    const request = {
      method: "GET",
      target: `/trpc/${path}${queryOf(input)}`,
      headers: { accept: "text/event-stream", ...headersOf(options) },
    };
    using reply = await HttpReply.to(this.#port, request);
    const events: string[] = [];
    await read(readerOf(reply, events));
    const headers = normalisedHeaders(reply.head.headers, "", this.#names);
    this.#record(name, {
      request: shownRequest(request),
      answer: { status: reply.head.status, headers, events: events.map(shownEvent) },
    });
  }

  /** A WebSocket connection; with `token` null its connection params are null. */
  async socket(
    name: string,
    play: (socket: WireSocket) => Promise<void>,
    { token = KEY }: CallOptions = {},
  ): Promise<void> {
    await this.bareSocket(name, "/trpc?connectionParams=1", {}, async (socket) => {
      socket.send({ method: "connectionParams", data: token === null ? null : { token } });
      await play(socket);
    });
  }

  /** A WebSocket connection on which only `play` sends. */
  async bareSocket(
    name: string,
    target: string,
    headers: Readonly<Record<string, string>>,
    play: (socket: WireSocket) => Promise<void>,
  ): Promise<void> {
    const socket = await WireSocket.open(this.url, target, headers);
    await play(socket).finally(() => socket.close());
    const messages = socket.events.map((event) =>
      Object.fromEntries(
        Object.entries(event).map(([key, value]) => [key, readable(String(value))]),
      )
    );
    this.#record(name, { connect: target, headers, messages });
  }

  #record(name: string, value: unknown): void {
    if (name in this.exchanges) throw new Error(`two exchanges are called ${name}`);
    this.exchanges[name] = normalised(value, this.#names);
  }
}

/** The value under `result.data` in an answer's text. */
export function dataOf<T>({ text }: { readonly text: string }): T {
  const { result } = JSON.parse(text) as { result?: { data: T } };
  if (result === undefined) throw new Error(`no result: ${text}`);
  return result.data;
}

function shownRequest({ method, target, headers = {}, body }: HttpRequest) {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
  const shownBody = body === undefined ? {} : { body: readable(body) };
  return { line: `${method} ${target}`, headers: lines, ...shownBody };
}

function headersOf({ token = KEY, headers = {} }: CallOptions): Record<string, string> {
  return { ...authorization(token), ...headers };
}

function queryOf(input: unknown): string {
  return input === undefined ? "" : `?input=${encodeURIComponent(JSON.stringify(input))}`;
}

function readerOf(reply: HttpReply, events: string[]): EventReader {
  let rest = "";
  const block = async (): Promise<string | null> => {
    for (;;) {
      const end = rest.indexOf("\n\n");
      if (end >= 0) {
        const found = rest.slice(0, end).replace(/^\n+/, "");
        rest = rest.slice(end + 2);
        if (found !== "") return found;
        continue;
      }
      const part = await reply.read();
      if (part === null) return null;
      rest += part;
    }
  };
  const take = async (fits: (block: string) => boolean) => {
    for (;;) {
      const found = await block();
      if (found === null) throw new Error("the stream ended before such an event");
      if (!fits(found)) continue;
      events.push(found);
      return found;
    }
  };
  let hasEnded = false;
  return {
    next: () => take(() => true),
    await: take,
    nextOrEnd: async () => {
      if (hasEnded) return;
      const found = await block();
      hasEnded = found === null;
      events.push(found ?? "<the end>");
    },
  };
}

function shownEvent(block: string): unknown {
  if (!block.includes(": ")) return block;
  return block.split("\n").map((line) => {
    const [, field = "", value = ""] = /^([^:]*): ?(.*)$/.exec(line) ?? [];
    return { [field]: readable(value) };
  });
}
