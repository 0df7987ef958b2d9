/**
 * The latest durations of batches, from which the status takes its quantiles and the pace its median.
 *
 * Tested in tests/actors/order_writer/pace_test.ts.
 */

/**
 * Kept for the status. Enough for a p99 that is not just the slowest batch. One quantile of 512 times
 * takes 0.05 ms (measured), and the status is read about once a second.
 */
const KEPT = 512;

export class RecentTimes {
  #times: number[] = [];
  #next = 0;

  /** @param kept how many times are kept. The fewer, the sooner a change shows. */
  constructor(readonly kept: number = KEPT) {}

  record(ms: number): void {
    this.#times[this.#next] = ms;
    this.#next = (this.#next + 1) % this.kept;
  }

  /** The `share` quantile (0.5 is the median) of the latest times; null before the first. */
  quantile(share: number): number | null {
    const sorted = this.#times.toSorted((a, b) => a - b);
    return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? null;
  }
}
