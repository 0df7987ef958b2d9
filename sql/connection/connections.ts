/**
 * The connections of all pools of one database, shared when the server allows fewer than the pools
 * would open: a role's CONNECTION LIMIT, or a server that is full.
 *
 * The limit is learned from the server's refusal. From then on a pool that has no connection gets
 * one before a pool that wants a further one, and an idle connection is closed to make room. After a
 * while one more connection is tried, because the server may have room again.
 */
import { PoolBusy } from "./gate.ts";

/** A pool, as the others see it. */
export interface Sharer {
  /** How many connections the pool has, those that are being made included. */
  readonly open: number;
  /** Ends an idle connection of the pool. @returns false when none is idle */
  giveBack(): boolean;
}

interface Waiting {
  readonly sharer: Sharer;
  readonly wake: () => void;
  readonly refuse: (error: Error) => void;
}

/** After this time without a refusal, one more connection is tried. */
const TRY_MORE_MS = 10_000;
/** Under a limit, some connection is refused at least each `TRY_MORE_MS`. */
const LIMIT_LASTS_MS = 3 * TRY_MORE_MS;
/** The server may count a connection for this long after we have ended it. */
const ENDING_MS = 1_000;

export interface ConnectionLimit {
  /** How many connections the server lets in. */
  readonly allowed: number;
  /** How many the pools would open together. */
  readonly wanted: number;
}

export class Connections {
  #taken = 0;
  #allowed = Infinity;
  #learnedAt = 0;
  #endedAt = -Infinity;
  #refusedAt = -Infinity;
  readonly #sharers = new Set<Sharer>();
  readonly #waiting = new Set<Waiting>();

  /** @param now monotonic, milliseconds. */
  constructor(readonly wanted: number, readonly now: () => number = () => performance.now()) {}

  /** The limit that the server has shown lately; null when it has refused nothing for a while. */
  get limit(): ConnectionLimit | null {
    const isPast = this.now() - this.#refusedAt >= LIMIT_LASTS_MS;
    if (isPast || this.#allowed >= this.wanted) return null;
    return { allowed: this.#allowed, wanted: this.wanted };
  }

  join(sharer: Sharer): void {
    this.#sharers.add(sharer);
  }

  /** Takes room for a connection. @returns false when there is none; then `wait` for it */
  take(): boolean {
    if (this.#taken >= this.#allowed && this.now() - this.#learnedAt >= TRY_MORE_MS) {
      this.#allowed = this.#taken + 1;
      this.#learnedAt = this.now();
    }
    if (this.#taken >= this.#allowed) return false;
    this.#taken++;
    return true;
  }

  /**
   * Resolves when it is worth while to look again: there may be room, or an idle connection of the
   * pool itself.
   * @throws PoolBusy after `timeoutMs`
   */
  async wait(sharer: Sharer, timeoutMs: number): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const waiting: Waiting = { sharer, wake: resolve, refuse: reject };
    this.#waiting.add(waiting);
    this.#makeRoom(sharer);
    const timer = setTimeout(() => reject(new PoolBusy()), timeoutMs);
    try {
      await promise;
    } finally {
      clearTimeout(timer);
      this.#waiting.delete(waiting);
    }
  }

  /** A connection has ended, so there is room. @param wasReady false when it was never made. */
  left(wasReady = true): void {
    this.#taken--;
    if (wasReady) this.#endedAt = this.now();
    this.#wakeNext();
  }

  /**
   * The server has refused a connection that had taken room. That says nothing of the limit while it
   * may count one that has just ended.
   * @returns false when the pools have no other connection to share, so that waiting is in vain
   */
  refused(connection: { readonly isClosed: boolean }): boolean {
    const others = connection.isClosed ? this.#taken : this.#taken - 1;
    if (others === 0) return false;
    if (this.now() - this.#endedAt < ENDING_MS) return true;
    this.#learnedAt = this.now();
    this.#refusedAt = this.now();
    this.#allowed = others;
    return true;
  }

  /** Gives up one connection, for a session that is in no pool. */
  leaveOne(): void {
    if (this.#taken <= 1) return;
    this.#allowed = this.#taken - 1;
    this.#learnedAt = this.now();
    this.#makeRoom(null);
  }

  /**
   * A call of the pool has ended.
   * @returns false when another pool needs the connection more, so that it must be ended
   */
  mayKeep(sharer: Sharer): boolean {
    const next = this.#next();
    if (this.#taken > this.#allowed) return false;
    return next === null || next.sharer === sharer || next.sharer.open >= sharer.open;
  }

  /** A connection of the pool has become idle. */
  idle(sharer: Sharer): void {
    for (const waiting of this.#waiting) {
      if (waiting.sharer !== sharer) continue;
      this.#waiting.delete(waiting);
      return waiting.wake();
    }
  }

  /** Refuses the calls of the pool that wait. */
  refuse(sharer: Sharer, error: Error): void {
    for (const waiting of this.#waiting) {
      if (waiting.sharer === sharer) waiting.refuse(error);
    }
  }

  /** Ends an idle connection of the pool that has the most; never one of `sharer`. */
  #makeRoom(sharer: Sharer | null): void {
    const others = [...this.#sharers].filter((other) => other !== sharer);
    others.sort((a, b) => b.open - a.open).some((other) => other.giveBack());
  }

  #wakeNext(): void {
    const next = this.#next();
    if (next === null || this.#taken >= this.#allowed) return;
    this.#waiting.delete(next);
    next.wake();
  }

  /** The call of the pool with the fewest connections; of several the one that has waited longest. */
  #next(): Waiting | null {
    let next: Waiting | null = null;
    for (const waiting of this.#waiting) {
      if (next === null || waiting.sharer.open < next.sharer.open) next = waiting;
    }
    return next;
  }
}
