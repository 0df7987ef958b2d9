/**
 * Simulated time for machines. Time stands still until a test advances it. Promises run to their
 * end between two timers.
 */
import { SimulatedClock as XStateClock } from "xstate";
import type { ActorClock } from "../../../actors/clock.ts";

export class SimulatedClock implements ActorClock {
  readonly #clock = new XStateClock();

  setTimeout(callback: () => void, ms: number): unknown {
    return this.#clock.setTimeout(callback, ms);
  }

  clearTimeout(timer: unknown): void {
    this.#clock.clearTimeout(timer as ReturnType<XStateClock["setTimeout"]>);
  }

  readonly now = (): number => this.#clock.now();

  readonly soon = (callback: () => void): void => queueMicrotask(callback);

  readonly later = this.soon;

  /** Lets all promises run that are ready, and those that they make ready. */
  async settle(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
  }

  /** Lets `ms` pass in steps, and runs each timer that becomes due on the way. */
  async advance(ms: number, stepMs = 5): Promise<void> {
    await this.settle();
    for (let left = ms; left > 0; left -= stepMs) {
      this.#clock.increment(Math.min(stepMs, left));
      await this.settle();
    }
  }
}
