/**
 * How long a client is waited for that takes nothing of what was sent to it: everything unread is
 * looked at regularly, and given up when nothing of it was taken for so many looks in a row.
 *
 * One timer for all: a timer for each frame of each subscriber would cost more than the frames.
 * Looks are counted rather than time, so that a process that was held up, and took in nothing
 * meanwhile, does not find that nobody has read for too long.
 */

/** What was sent to one client. */
export interface WatchedClient {
  /** What waits in this process for the client to take it. */
  readonly unreadBytes: number;
  /** Counts bytes as they are taken; it only ever grows. */
  readonly takenBytes: number;
  /** Ends it, because the client does not read. */
  giveUp(): void;
}

/** What a client may take to read something of what was sent, or to send a request. */
export const CLIENT_TIMEOUT_MS = 30_000;
const LOOKS = 30;

interface Look {
  takenBytes: number;
  /** Looks that found as much taken as the one before. */
  idle: number;
}

export class SlowClients {
  readonly #clients = new Map<WatchedClient, Look>();
  readonly #timer: ReturnType<typeof setInterval>;

  /** @param ms how long a client is waited for. */
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
