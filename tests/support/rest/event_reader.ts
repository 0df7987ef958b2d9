/** Reads the server-sent events of one answer. */

export interface RestEvent {
  /** Empty for data. */
  readonly event: string;
  readonly id: string | null;
  readonly data: unknown;
}

export class EventReader {
  readonly #reader: ReadableStreamDefaultReader<string>;
  readonly #comments: (() => void)[] = [];
  #text = "";

  constructor(readonly response: Response) {
    this.#reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  }

  /** The next event. @throws Error when the stream ends before it */
  async next(): Promise<RestEvent> {
    for (;;) {
      const block = this.#block();
      if (block?.startsWith(":")) this.#comments.splice(0).forEach((tell) => tell());
      else if (block !== null) return eventOf(block);
      else if (!await this.#read()) throw new Error(`the stream ended: ${this.#text}`);
    }
  }

  /** Resolves at the next comment that `next` meets. */
  comment(): Promise<"comment"> {
    return new Promise((resolve) => this.#comments.push(() => resolve("comment")));
  }

  /** Everything up to the end of the stream. A stream that is cut ends too. */
  async rest(): Promise<string> {
    while (await this.#read().catch(() => false));
    return this.#text.trim();
  }

  async close(): Promise<void> {
    await this.#reader.cancel().catch(() => undefined);
  }

  #block(): string | null {
    this.#text = this.#text.replace(/^\n+/, "");
    const end = this.#text.indexOf("\n\n");
    if (end < 0) return null;
    const block = this.#text.slice(0, end);
    this.#text = this.#text.slice(end);
    return block;
  }

  async #read(): Promise<boolean> {
    const { done, value } = await this.#reader.read();
    this.#text += value ?? "";
    return !done;
  }
}

function eventOf(block: string): RestEvent {
  const field = (name: string) =>
    block.split("\n").find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2);
  return {
    event: field("event") ?? "",
    id: field("id") ?? null,
    data: JSON.parse(field("data") ?? "null"),
  };
}
