/** The latest durations of something, for the quantiles that a status shows. */

const KEPT = 512;

export class RecentTimes {
  #times: number[] = [];
  #next = 0;

  /** `kept`: how many; the fewer, the sooner they tell that something has changed. */
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
