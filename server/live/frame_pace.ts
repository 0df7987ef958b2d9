/**
 * The pace of one scope's frames: after a large frame the next one is read later, so that viewers get
 * at most 256 KiB a second each. Each viewer's frame is written for itself, and a hundred viewers of a
 * quarter of a megabyte, many times a second, would leave the process no time for orders.
 *
 * A usual frame has a few kilobytes and delays nothing.
 */
import type { Figures } from "../../sql/figures/snapshots.ts";

/** A frame of this size delays nothing. About four currencies with their minutes and products. */
const FREE_BYTES = 32_768;
const BYTES_PER_MS = 262.144;

export class FramePace {
  /** Monotonic, milliseconds. */
  #dueAt = -Infinity;
  #wake: () => void = () => undefined;
  #isStopped = false;

  /** A frame was read, and goes to all viewers. */
  sent(figures: Figures): void {
    const ms = (frameBytes(figures) - FREE_BYTES) / BYTES_PER_MS;
    if (ms > 0) this.#dueAt = performance.now() + ms;
  }

  /** True when the next frame may be read now. */
  get isDue(): boolean {
    return this.#isStopped || this.#dueAt <= performance.now();
  }

  /** Resolves when the next frame may be read. */
  async due(): Promise<void> {
    if (this.isDue) return;
    const waitMs = this.#dueAt - performance.now();
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, waitMs);
    this.#wake = resolve;
    await promise;
    clearTimeout(timer);
  }

  /** The subscribers of a frame, in the groups that get it together. The next read waits for all. */
  groupsOf<One>(subscribers: readonly One[], figures: Figures): (readonly One[])[] {
    if (frameBytes(figures) <= FREE_BYTES) return [subscribers];
    const groups = Math.ceil(subscribers.length / GROUP);
    this.#dueAt = Math.max(this.#dueAt, performance.now() + groups * GROUP_EVERY_MS);
    return Array.from(
      { length: groups },
      (_, index) => subscribers.slice(index * GROUP, (index + 1) * GROUP),
    );
  }

  /** Ends the wait under way, and lets no other begin. */
  stop(): void {
    this.#isStopped = true;
    this.#wake();
  }
}

/** Orders move between two groups of a large frame's subscribers. */
export const GROUP_EVERY_MS = 5;
/** A large frame goes to so many subscribers at once: writing it for each takes about a millisecond. */
const GROUP = 4;

/** The bytes of figures as JSON, roughly. */
export function frameBytes({ currencies }: Figures): number {
  return currencies.reduce(
    (sum, { minutes, topProducts }) => sum + 400 + 100 * minutes.length + 150 * topProducts.length,
    0,
  );
}
