/**
 * How fast batches go, for the door: how long an order that comes now would wait for its batch.
 *
 * Batches begin when a lane becomes free, so the wait follows from when those under way began and
 * from how long batches take. One that is under way for longer than usual counts with what it has
 * taken so far: a database that has become slow, or silent, is noticed before it has answered.
 */
import { RecentTimes } from "./recent_times.ts";

/** Few enough that a change shows within some batches. */
const LATEST = 8;

export class Pace {
  readonly #times = new RecentTimes(LATEST);
  /** When each batch under way began, the oldest first. */
  readonly #begunAt: number[] = [];

  /** @param lanes batches at once. @param now monotonic, milliseconds. */
  constructor(readonly lanes: number, readonly now: () => number) {}

  /** Runs a batch and takes its time. */
  async during<T>(batch: () => Promise<T>): Promise<T> {
    const begunAt = this.now();
    this.#begunAt.push(begunAt);
    try {
      return await batch();
    } finally {
      this.#begunAt.splice(this.#begunAt.indexOf(begunAt), 1);
      this.#times.record(this.now() - begunAt);
    }
  }

  /** What a batch takes by now, milliseconds; null before the first. */
  get batchMs(): number | null {
    const usual = this.#times.quantile(0.5);
    const [oldest] = this.#begunAt;
    if (oldest === undefined) return usual;
    return Math.max(usual ?? 0, this.now() - oldest);
  }

  /** How long it will be, milliseconds, until a batch begins that has `batchesAhead` before it. */
  waitMs(batchesAhead: number): number {
    const batchMs = this.batchMs ?? 0;
    const turn = batchesAhead - Math.max(0, this.lanes - this.#begunAt.length);
    if (turn < 0) return 0;
    const begunAt = this.#begunAt[turn % this.#begunAt.length] ?? this.now();
    const rounds = 1 + Math.floor(turn / Math.max(1, this.#begunAt.length));
    return Math.max(0, begunAt + rounds * batchMs - this.now());
  }
}
