/**
 * The database's clock as an instance can tell it: what it said last, carried on by the monotonic
 * clock. The instance's own calendar may be wrong, so nothing is reckoned from that.
 */
import { MINUTE_MS } from "../../sql/time.ts";

export class DatabaseClock {
  /** The database's milliseconds less the monotonic ones; null: it has said nothing yet. */
  #ahead: number | null = null;

  /** @param monotonic milliseconds. */
  constructor(readonly monotonic: () => number) {}

  /**
   * The database has said `ms` in answer to a question of `askedAt`, by the monotonic clock. The
   * answer may have been long on its way; reckoned from the question, the clock is never behind.
   */
  set(ms: number, askedAt: number): void {
    this.#ahead = ms - askedAt;
  }

  /** Unix milliseconds; null: not known. */
  now(): number | null {
    return this.#ahead === null ? null : this.monotonic() + this.#ahead;
  }

  /** False when the minute is known to be over. */
  isNow(minute: string): boolean {
    const now = this.now();
    return now === null || now < Date.parse(minute) + MINUTE_MS;
  }
}
