/**
 * Server-sent events to a client that may not read: the body of one answer, handed on in slices,
 * each when the connection has taken the one before.
 *
 * The streams of the answer take turns (slots.ts): the next event is made when nothing of those
 * before it is left here, nor within tRPC, which would keep several. So a client that does not read
 * costs one event, and skips to the newest one. When it has taken nothing for as long as anyone is
 * waited for, the body ends with an error, and with it subscription and connection.
 */
import type { SlowClients, WatchedClient } from "./slow_clients.ts";
import { Slots } from "./slots.ts";

/** What `Deno.serve` takes without asking whether the client has read what came before. */
const SLICE_BYTES = 16_384;

const NOT_READ = "a client that takes nothing of its events is cut off";

export class EventStream implements WatchedClient {
  /** For the streams of the answer; there is one at most. */
  readonly slots = new Slots(() => this.#drained());
  takenBytes = 0;
  #unread: Uint8Array = new Uint8Array();
  /** True while the connection could take more, and the stream has nothing. */
  #isIdle = false;
  #isOver = false;
  #stop: (error?: string) => void = () => undefined;
  /** Tells `#drained` that something has changed. */
  #wake: () => void = () => undefined;

  /** @param open those that are under way in this process; this one is among them while it is. */
  constructor(readonly slowClients: SlowClients, readonly open: Set<EventStream>) {}

  get unreadBytes(): number {
    return this.#unread.length;
  }

  giveUp(): void {
    // An error, since an end would leave the connection open. Deno prints it: a line will do.
    this.#stop(NOT_READ);
  }

  /**
   * Ends it without a word. A subscription that has ended says so, and its client asks for no more;
   * one that was broken off is asked for again, of another instance.
   */
  breakOff(): void {
    this.#stop();
  }

  /** The response with its body sent by way of this; one that is no stream of events as it is. */
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
      // How what is cancelled ends is nobody's concern any more.
      reader.cancel(reason).catch(() => undefined);
    };
    return new ReadableStream<Uint8Array>({
      start: (controller) => {
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

  /** Waits for the next event. @returns false when there is none any more */
  async #fill(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<boolean> {
    this.#isIdle = true;
    this.#wake();
    const { done, value } = await reader.read().catch((error) => {
      this.#end();
      throw error;
    });
    this.#isIdle = false;
    if (this.#isOver) return true; // it was stopped meanwhile
    if (done) this.#end();
    else this.#unread = value;
    return !done;
  }

  #end(): void {
    this.#isOver = true;
    this.#unread = new Uint8Array();
    this.slowClients.delete(this);
    this.open.delete(this);
    this.#wake();
  }

  /** Resolves when nothing of the stream is left: not here, and not on its way here. */
  async #drained(): Promise<void> {
    while (!this.#isOver) {
      // What was made before has come through tRPC's stream by then: that is all microtasks.
      await new Promise((resolve) => setTimeout(resolve, 0));
      if (this.#isIdle) return;
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
  }
}
