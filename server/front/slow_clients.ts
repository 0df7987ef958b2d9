/**
 * Slow clients: a client that reads nothing of what was sent to it is disconnected after a while.
 *
 * One timer looks at all clients: a timer for each frame of each subscriber would cost more than the
 * frames. It counts looks, not time. A process that was held up for a minute would otherwise find
 * that nobody has read for a minute.
 */

/** The bytes on their way to one client. */
export interface WatchedClient {
  /** Bytes that wait in this process for the client to read them. */
  readonly unreadBytes: number;
  /** Bytes that the client has read so far; it only grows. */
  readonly takenBytes: number;
  /** Disconnects the client. */
  giveUp(): void;
}

/** A client has this long to read a part of what was sent, or to send its whole request. */
export const CLIENT_TIMEOUT_MS = 30_000;
const LOOKS = 30;

interface Look {
  takenBytes: number;
  /** Looks in a row that found nothing more read. */
  idle: number;
}

export class SlowClients {
  readonly #clients = new Map<WatchedClient, Look>();
  readonly #timer: ReturnType<typeof setInterval>;

  /** @param ms a client that reads nothing for this long is disconnected. */
  constructor(readonly ms: number) {
    this.#timer = setInterval(() => this.#lookAtAll(), Math.ceil(ms / LOOKS));
  }

  get unreadBytes(): number {
    return [...this.#clients.keys()].reduce((sum, { unreadBytes }) => sum + unreadBytes, 0);
  }

  add(one: WatchedClient): void {
    this.#clients.set(one, { takenBytes: one.takenBytes, idle: 0 });
  }

  delete(one: WatchedClient): void {
    this.#clients.delete(one);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #lookAtAll(): void {
    for (const [one, look] of this.#clients) {
      const { takenBytes, unreadBytes } = one;
      look.idle = unreadBytes > 0 && takenBytes === look.takenBytes ? look.idle + 1 : 0;
      look.takenBytes = takenBytes;
      if (look.idle < LOOKS) continue;
      this.#clients.delete(one);
      one.giveUp();
    }
  }
}
