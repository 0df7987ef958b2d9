/**
 * An `EventSource` that sends a key, as packages offer it: a browser's own cannot. tRPC's own link of
 * subscriptions by events takes it, in a browser and on Deno. It does not connect again by itself.
 */

export class KeyedEvents extends EventTarget {
  static headers: Record<string, string> = {};
  static readonly CONNECTING = 0;
  static readonly OPEN = 1;
  static readonly CLOSED = 2;
  readonly CONNECTING = KeyedEvents.CONNECTING;
  readonly OPEN = KeyedEvents.OPEN;
  readonly CLOSED = KeyedEvents.CLOSED;
  readyState: number = KeyedEvents.CONNECTING;
  readonly #end = new AbortController();

  constructor(readonly url: string) {
    super();
    void this.#read().catch(() => this.dispatchEvent(new Event("error")));
  }

  close(): void {
    this.readyState = KeyedEvents.CLOSED;
    this.#end.abort();
  }

  async #read(): Promise<void> {
    const headers = {
      ...KeyedEvents.headers,
      accept: "text/event-stream",
      "cache-control": "no-cache",
      "last-event-id": "",
    };
    const { body } = await fetch(this.url, { headers, signal: this.#end.signal });
    if (body === null) throw new Error("no events");
    this.readyState = KeyedEvents.OPEN;
    this.dispatchEvent(new Event("open"));
    let text = "";
    const reader = body.pipeThrough(new TextDecoderStream()).getReader();
    for (let read = await reader.read(); !read.done; read = await reader.read()) {
      text += read.value;
      const blocks = text.split("\n\n");
      text = blocks.pop() ?? "";
      for (const block of blocks) this.dispatchEvent(eventOf(block));
    }
  }
}

function eventOf(block: string): MessageEvent {
  const field = (name: string) => new RegExp(`^${name}: ?(.*)$`, "m").exec(block)?.[1] ?? "";
  const init = { data: field("data"), lastEventId: field("id") };
  return new MessageEvent(field("event") || "message", init);
}
