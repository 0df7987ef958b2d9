/**
 * The event stream: the body of one answer with server-sent events. It is sent in slices. Each
 * slice is sent when the connection has taken the slice before.
 *
 * The values that many subscribers share go past tRPC: `sender` puts their text into the body.
 *
 * The next event is made only when all earlier events are sent. None may wait here, and none within
 * tRPC, which would keep several. So a client that does not read costs one event, and later skips
 * to the newest. A client that has taken nothing for 30 s (slow_clients.ts) is cut off: the body
 * ends with an error, and the subscription and the connection end too.
 *
 * A stream without an event is not silent: proxies end a connection on which nothing moves for a
 * minute or less. So every stream gets a comment now and then, which clients leave out.
 *
 * Tested also in tests/server/front/keep_alive_test.ts, slow_clients_test.ts and tests/server/live/live_test.ts.
 */
import { Buffer } from "node:buffer";
import type { ValueSender } from "../router/context.ts";
import { eventText } from "./frames/frame_text.ts";
import type { SlowClients, WatchedClient } from "./slow_clients.ts";
import { Slots } from "./slots.ts";

/** A slow client takes this much within its time, so that it counts as reading. */
const SLICE_BYTES = 16_384;

/** The stream's own format has comments for this: a line that begins with a colon. */
const COMMENT = new TextEncoder().encode(":\n\n");

const NOT_READ = "a client that takes nothing of its events is cut off";

/** A part of tRPC's stream, its end, or the error that it ended with. */
type Made = ReadableStreamReadResult<Uint8Array> | { readonly error: unknown };

export class EventStream implements WatchedClient {
  /** For the stream of the answer; an answer has one at most. */
  readonly slots = new Slots(() => this.#drained());
  takenBytes = 0;
  #unread: Uint8Array = new Uint8Array();
  /** The part that tRPC has made; null: there is none yet. */
  #made: Made | null = null;
  #isAsking = false;
  /** True while the connection could take more, and the stream has nothing. */
  #isIdle = false;
  #isOver = false;
  #stop: (error?: string) => void = () => undefined;
  #controller: ReadableStreamDefaultController<Uint8Array> | null = null;
  /** Tells `#drained` that something has changed. */
  #wake: () => void = () => undefined;
  /** Tells `#fill` that there is something to send. */
  #filled: () => void = () => undefined;
  /** Sends values past tRPC. */
  readonly sender: ValueSender = {
    frame: (eventId, data) => this.#push(eventText({ eventId, data })),
    update: (eventId, data) => this.#push(eventText({ eventId, data })),
    status: (data) => this.#push(eventText({ eventId: null, data })),
  };

  /** @param open the streams under way in this process; this one adds and removes itself. */
  constructor(readonly slowClients: SlowClients, readonly open: Set<EventStream>) {}

  get unreadBytes(): number {
    return this.#unread.length;
  }

  giveUp(): void {
    // An error, since a normal end would leave the connection open. Deno prints it as one line.
    this.#stop(NOT_READ);
  }

  /**
   * Breaks the stream off, so that its client subscribes again, at another instance. The client of
   * a subscription that ends normally does not come back.
   */
  breakOff(): void {
    this.#stop();
  }

  /**
   * Sends a comment, if the connection waits for an event. It never stands inside an event, because
   * the parts of one event come without a wait. It is not kept for a client that does not read.
   */
  keepAlive(): void {
    if (!this.#isIdle || this.#isOver || this.#controller?.desiredSize !== 0) return;
    this.#controller.enqueue(COMMENT);
    this.takenBytes += COMMENT.length;
  }

  /** The response with its body sent through here; a response without events passes unchanged. */
  carry(response: Response): Response {
    const { body, status, headers } = response;
    const isStream = headers.get("content-type")?.startsWith("text/event-stream") === true;
    if (body === null || !isStream) return response;
    return new Response(this.#bodyOf(body.getReader()), { status, headers });
  }

  #bodyOf(reader: ReadableStreamDefaultReader<Uint8Array>): ReadableStream<Uint8Array> {
    this.slowClients.add(this);
    this.open.add(this);
    const end = (reason: unknown) => {
      this.#end();
      // The stream is over: how its source ends does not matter.
      reader.cancel(reason).catch(() => undefined);
    };
    return new ReadableStream<Uint8Array>({
      start: (controller) => {
        this.#controller = controller;
        this.#stop = (error) => {
          if (this.#isOver) return;
          if (error === undefined) controller.close();
          else controller.error(error);
          end(error);
        };
      },
      pull: async (controller) => {
        const hasMore = this.#unread.length > 0 || await this.#fill(reader);
        if (!hasMore) return controller.close();
        if (this.#isOver) return;
        const slice = this.#unread.subarray(0, SLICE_BYTES);
        this.#unread = this.#unread.subarray(slice.length);
        this.takenBytes += slice.length;
        controller.enqueue(slice);
      },
      cancel: end,
    }, { highWaterMark: 0 });
  }

  /** Takes an event that is whole. Its stream has waited for its turn, so hardly ever is another unread. */
  #push(event: Uint8Array): void {
    if (this.#isOver) return;
    this.#unread = this.#unread.length === 0 ? event : Buffer.concat([this.#unread, event]);
    this.#isIdle = false;
    this.#filled();
  }

  /** Waits for the next event. @returns false after the last one */
  async #fill(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<boolean> {
    if (this.#made === null) {
      this.#isIdle = true;
      this.#wake();
      this.#ask(reader);
      await new Promise<void>((resolve) => this.#filled = resolve);
      this.#isIdle = false;
    }
    if (this.#isOver || this.#unread.length > 0) return true; // stopped, or pushed
    const made = this.#made!;
    this.#made = null;
    if ("error" in made || made.done) this.#end();
    else this.#unread = made.value;
    if ("error" in made) throw made.error;
    return !made.done;
  }

  /** Asks tRPC for what comes next. An answer to an earlier time may be on its way still. */
  #ask(reader: ReadableStreamDefaultReader<Uint8Array>): void {
    if (this.#isAsking) return;
    this.#isAsking = true;
    const tell = (made: Made) => {
      this.#isAsking = false;
      this.#made = made;
      this.#filled();
    };
    reader.read().then(tell, (error) => tell({ error }));
  }

  #end(): void {
    this.#isOver = true;
    this.#unread = new Uint8Array();
    this.slowClients.delete(this);
    this.open.delete(this);
    this.#wake();
  }

  /** Resolves when nothing of the stream is left, neither here nor on its way here. */
  async #drained(): Promise<void> {
    while (!this.#isOver) {
      // An event that is already made passes through tRPC's stream in microtasks. A timer of 0
      // fires after them.
      await new Promise((resolve) => setTimeout(resolve, 0));
      if (this.#isIdle) return;
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
  }
}
