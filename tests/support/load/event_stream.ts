/** Reads server-sent events by hand, as a subscription over HTTP sends them. */
import { authorization } from "./raw_calls.ts";

export interface StreamEvent {
  /** `connected`, `serialized-error`, `return`; empty for data. */
  readonly event: string;
  readonly id: string | null;
  readonly data: unknown;
}

export class EventStream {
  readonly #reader: ReadableStreamDefaultReader<string>;
  #rest = "";

  private constructor(readonly response: Response, stream: ReadableStream<string>) {
    this.#reader = stream.getReader();
  }

  /** Subscribes to `path`. `lastEventId` is sent in a header, as an EventSource does. */
  static async open(
    url: string,
    path: string,
    options: { input?: unknown; token: string | null; lastEventId?: string; query?: string },
  ): Promise<EventStream> {
    const { input = {}, token, lastEventId, query = "" } = options;
    const response = await fetch(
      `${url}/trpc/${path}?input=${encodeURIComponent(JSON.stringify(input))}${query}`,
      {
        headers: {
          accept: "text/event-stream",
          ...authorization(token),
          ...(lastEventId === undefined ? {} : { "last-event-id": lastEventId }),
        },
      },
    );
    if (response.body === null) throw new Error("an event stream without a body");
    return new EventStream(response, response.body.pipeThrough(new TextDecoderStream()));
  }

  /** The next event; null when the stream has ended. */
  async next(): Promise<StreamEvent | null> {
    for (;;) {
      const end = this.#rest.indexOf("\n\n");
      if (end >= 0) {
        const block = this.#rest.slice(0, end);
        this.#rest = this.#rest.slice(end).replace(/^\n+/, "");
        const event = eventOf(block);
        if (event !== null) return event;
        continue;
      }
      const { done, value } = await this.#reader.read();
      if (done) return null;
      this.#rest = (this.#rest + value).replace(/^\n+/, "");
    }
  }

  async close(): Promise<void> {
    await this.#reader.cancel();
  }
}

/** The event of a block; null for a comment. */
function eventOf(block: string): StreamEvent | null {
  const fields = new Map(
    block.split("\n").map((line) => {
      const [, name = "", value = ""] = /^([^:]*): ?(.*)$/.exec(line) ?? [];
      return [name, value] as const;
    }),
  );
  const data = fields.get("data");
  if (data === undefined && !fields.has("event")) return null;
  return {
    event: fields.get("event") ?? "",
    id: fields.get("id") ?? null,
    data: data === undefined || data === "" ? null : JSON.parse(data),
  };
}
