/**
 * The pace of batches. From it the door knows how long an order that comes now would wait.
 *
 * A batch begins when a lane becomes free. So the wait follows from the start times of the batches
 * under way, and from the usual time of a batch. A batch that takes longer than usual counts with its
 * time so far: the door notices a slow or silent database before the batch has ended.
 */
import { RecentTimes } from "./recent_times.ts";

/**
 * The usual time of a batch is the median of this many. Chosen, not measured: few, so that a change
 * shows after four batches; enough that one slow batch alone changes nothing.
 */
const LATEST = 8;

export class Pace {
  readonly #times = new RecentTimes(LATEST);
  /** When each batch under way began, the oldest first. */
  readonly #begunAt: number[] = [];

  /** @param lanes batches that may run at once. @param now monotonic, milliseconds. */
  constructor(readonly lanes: number, readonly now: () => number) {}

  /** Runs a batch and measures it. */
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

  /** The present time of a batch, milliseconds. Null before the first batch. */
  get batchMs(): number | null {
    const usual = this.#times.quantile(0.5);
    const [oldest] = this.#begunAt;
    if (oldest === undefined) return usual;
    return Math.max(usual ?? 0, this.now() - oldest);
  }

  /** The time, milliseconds, until a batch begins that has `batchesAhead` before it. */
  waitMs(batchesAhead: number): number {
    const batchMs = this.batchMs ?? 0;
    const freeLanes = Math.max(0, this.lanes - this.#begunAt.length);
    if (batchesAhead < freeLanes) return 0;
    // The batches under way end in the order of their start. `place` counts the batches that end
    // before the one whose lane becomes free for the new batch.
    const place = batchesAhead - freeLanes;
    const begunAt = this.#begunAt[place % this.#begunAt.length] ?? this.now();
    const rounds = 1 + Math.floor(place / Math.max(1, this.#begunAt.length));
    return Math.max(0, begunAt + rounds * batchMs - this.now());
  }
}
