/**
 * Every way of calling a procedure with one key: the right HTTP method, the wrong one, a batch,
 * WebSocket with the key in the connection's parameters and in the header, server-sent events, and
 * the path of REST.
 */
import { EventStream } from "../load/event_stream.ts";
import { authorization, RawSocket, request, type SocketMessage } from "../load/raw_calls.ts";
import { rest, type RestCall, restCallOf } from "../rest/calls.ts";
import { EventReader } from "../rest/event_reader.ts";

export interface AnyCall {
  readonly type: "query" | "mutation" | "subscription";
  readonly path: string;
  readonly input: unknown;
}

/** `answer`, the reason of a refusal, or tRPC's code of an error without a reason. */
export type Word = string;

/** The calls of one key. */
export class Caller implements AsyncDisposable {
  private constructor(
    readonly url: string,
    readonly token: string | null,
    private byParams: RawSocket,
    private byHeader: RawSocket,
  ) {}

  static async open(url: string, token: string | null): Promise<Caller> {
    return new Caller(url, token, await RawSocket.open(url, token), await withHeader(url, token));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.byParams.close();
    await this.byHeader.close();
  }

  /** Makes the call in every way that its type allows. @returns the words of each way */
  async words(call: AnyCall): Promise<Readonly<Record<string, readonly Word[]>>> {
    // A connection without a good key ends with its first refusal.
    if (this.byParams.closed) this.byParams = await RawSocket.open(this.url, this.token);
    if (this.byHeader.closed) this.byHeader = await withHeader(this.url, this.token);
    const ways: Record<string, Promise<readonly Word[]>> = {
      "WebSocket, key in the params": overSocket(this.byParams, call),
      "WebSocket, key in the header": overSocket(this.byHeader, call),
      ...(call.type === "subscription"
        ? { SSE: this.#events(call) }
        : { HTTP: this.#http(call), "a batch of two": this.#batch(call) }),
      ...this.#overRest(call),
    };
    const words = await Promise.all(Object.values(ways));
    return Object.fromEntries(Object.keys(ways).map((way, index) => [way, words[index] ?? []]));
  }

  /** Calls a query by POST, or a mutation by GET. */
  wrongMethod({ type, ...call }: AnyCall): Promise<readonly Word[]> {
    return this.#http({ ...call, type: type === "query" ? "mutation" : "query" });
  }

  async #http({ type, path, input }: AnyCall): Promise<readonly Word[]> {
    return [wordOf(await this.#send(type, path, input))];
  }

  /** The call by its path. A call without a store where the path has one cannot be made. */
  #overRest({ type, path, input }: AnyCall): Record<string, Promise<readonly Word[]>> {
    const call = restCallOf(path, input);
    if (call === null) return {};
    return { REST: type === "subscription" ? this.#restEvents(call.path) : this.#rest(call) };
  }

  async #rest({ operation, path, body }: RestCall): Promise<readonly Word[]> {
    const { token, url } = this;
    const answer = await rest(url, path, { method: operation.method, body, token });
    return [wordOfRest(answer.status, answer.body)];
  }

  async #restEvents(path: string): Promise<readonly Word[]> {
    const response = await fetch(`${this.url}/api/v1${path}`, {
      headers: authorization(this.token),
    });
    if (!response.ok) return [wordOfRest(response.status, await response.json())];
    const stream = new EventReader(response);
    const { event } = await stream.next();
    await stream.close();
    return [event === "" ? "answer" : event];
  }

  async #batch({ type, path, input }: AnyCall): Promise<readonly Word[]> {
    const answers = await this.#send(type, `${path},${path}`, { 0: input, 1: input }, "batch=1");
    if (!Array.isArray(answers)) throw new Error(`no batch: ${JSON.stringify(answers)}`);
    return answers.map(wordOf);
  }

  async #send(
    type: AnyCall["type"],
    path: string,
    input: unknown,
    query = "",
  ): Promise<unknown> {
    const headers = { "content-type": "application/json", ...authorization(this.token) };
    const text = JSON.stringify(input);
    const isPost = type === "mutation";
    const inUrl = isPost || text === undefined ? "" : `&input=${encodeURIComponent(text)}`;
    const { body } = await request(`${this.url}/trpc/${path}?${query}${inUrl}`, {
      headers,
      ...(isPost ? { method: "POST", body: text ?? null } : {}),
    });
    return body;
  }

  async #events({ path, input }: AnyCall): Promise<readonly Word[]> {
    const stream = await EventStream.open(this.url, path, { input, token: this.token });
    try {
      for (;;) {
        const event = await stream.next();
        if (event === null) throw new Error(`the stream of ${path} has no event`);
        if (event.event === "serialized-error") return [wordOf({ error: event.data })];
        if (event.event === "") return ["answer"];
      }
    } finally {
      await stream.close();
    }
  }
}

function withHeader(url: string, token: string | null): Promise<RawSocket> {
  return RawSocket.connect(url, "", authorization(token));
}

async function overSocket(socket: RawSocket, call: AnyCall): Promise<readonly Word[]> {
  const word = wordOf(await firstOver(socket, call));
  if (word === "unauthenticated") await socket.ended();
  return [word];
}

async function firstOver(socket: RawSocket, { type, path, input }: AnyCall): Promise<unknown> {
  if (type !== "subscription") return await socket.call(type, path, input);
  const id = socket.subscribe(path, input);
  const first = await socket.next((message) => message.id === id && !isStart(message));
  socket.send({ id, method: "subscription.stop" });
  return first;
}

function isStart({ result }: SocketMessage): boolean {
  return result?.type === "started";
}

interface Answered {
  readonly error?: { readonly data?: { readonly reason?: string; readonly code?: string } };
  readonly result?: { readonly data?: { readonly results?: unknown } };
}

/** The word of an answer of REST, whose status must be that of a refusal or not. */
function wordOfRest(status: number, body: unknown): Word {
  const { reason, results } = body as { reason?: string; results?: unknown };
  if (status >= 400) return reason ?? `${status}`;
  return ofOneOrder(results) ?? "answer";
}

function wordOf(answer: unknown): Word {
  const { error, result } = answer as Answered;
  if (error !== undefined) return error.data?.reason ?? error.data?.code ?? "an error";
  if (result === undefined) throw new Error(`no answer of tRPC: ${JSON.stringify(answer)}`);
  return ofOneOrder(result.data?.results) ?? "answer";
}

/** The reason of the first order of `placeMany`, which answers each order by itself. */
function ofOneOrder(results: unknown): string | undefined {
  const [first] = Array.isArray(results) ? results as { error?: { reason: string } }[] : [];
  return first?.error?.reason;
}
