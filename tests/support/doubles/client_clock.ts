/** Clocks for the client: one that a test advances, and one that runs faster than real time. */
import type { Clock } from "../../../client/clock.ts";

/** Time that stands still until a test advances it. Its random number is always the same. */
export class ManualClock implements Clock {
  #now = 0;
  readonly #timers = new Set<{ readonly at: number; readonly call: () => void }>();

  constructor(readonly share = 1) {}

  now(): number {
    return this.#now;
  }

  after(ms: number, call: () => void): () => void {
    const timer = { at: this.#now + ms, call };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  random(): number {
    return this.share;
  }

  get timers(): number {
    return this.#timers.size;
  }

  /** Lets promises run that are ready, and those that they make ready. */
  async settle(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
  }

  /** Lets `ms` pass. Each timer that becomes due runs at its time. */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms;
    await this.settle();
    for (;;) {
      const due = [...this.#timers].filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)[0];
      if (due === undefined) break;
      this.#timers.delete(due);
      this.#now = Math.max(this.#now, due.at);
      due.call();
      await this.settle();
    }
    this.#now = end;
  }
}

/** Real time, so many times as fast, with random numbers from a seed. */
export function fastClock(times: number, random: () => number): Clock {
  return {
    now: () => performance.now() * times,
    after: (ms, call) => {
      const timer = setTimeout(call, ms / times);
      return () => clearTimeout(timer);
    },
    random,
  };
}
