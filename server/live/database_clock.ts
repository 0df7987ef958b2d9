/**
 * The database's clock as an instance knows it: the last time that the database told, carried on by
 * the monotonic clock. The instance's own calendar is not used, because it may be wrong.
 *
 * Tested in tests/server/live/live_minute_test.ts.
 */
import { MINUTE_MS } from "../../sql/time.ts";

export class DatabaseClock {
  /** The database's milliseconds minus the monotonic ones; null until the database has told. */
  #ahead: number | null = null;

  /** @param monotonic milliseconds. */
  constructor(readonly monotonic: () => number) {}

  /**
   * Sets the clock by an answer of the database.
   *
   * The answer may have taken long to arrive. Counting from the question keeps this clock from ever
   * being behind the database's.
   * @param ms the time that the database told, Unix milliseconds.
   * @param askedAt when it was asked, by the monotonic clock.
   */
  set(ms: number, askedAt: number): void {
    this.#ahead = ms - askedAt;
  }

  /** Unix milliseconds; null until the database has told. */
  now(): number | null {
    return this.#ahead === null ? null : this.monotonic() + this.#ahead;
  }

  /** False when `minute` is known to be over. */
  isNow(minute: string): boolean {
    const now = this.now();
    return now === null || now < Date.parse(minute) + MINUTE_MS;
  }
}
