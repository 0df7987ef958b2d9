/**
 * The minute timer: tells when the windows of the watched figures have moved, which happens each
 * minute without any order.
 *
 * It starts with each read of a watched scope and runs to the end of the minute that the read shows,
 * by the database's clock.
 *
 * Tested in tests/server/live/live_minute_test.ts.
 */
import type { Figures } from "../../sql/figures/snapshots.ts";
import { MINUTE_MS } from "../../sql/time.ts";

/** The timer rings this long after the minute's end, when the database's clock has surely passed it. */
const GRACE_MS = 20;

export class MinuteTimer {
  /** The newest minute of any figures so far. */
  #minute = "";
  #timer: ReturnType<typeof setTimeout> | undefined;
  #stopped = false;

  /** @param onMinuteTurned called when the figures of watched scopes may be of a past minute. */
  constructor(readonly onMinuteTurned: () => void) {}

  /** Starts the timer again, for the end of the minute of these figures. */
  start({ readAt, minute }: Pick<Figures, "readAt" | "minute">): void {
    if (this.#stopped) return;
    if (minute > this.#minute) {
      this.#minute = minute;
      // Other scopes wait for the timer that is cleared below, so their minute is announced here.
      this.onMinuteTurned();
    }
    clearTimeout(this.#timer);
    const leftMs = Date.parse(minute) + MINUTE_MS - Date.parse(readAt);
    this.#timer = setTimeout(() => this.onMinuteTurned(), leftMs + GRACE_MS);
  }

  /** Ends the timer for good. Legal twice. */
  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }
}
