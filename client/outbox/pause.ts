/**
 * A pause after a failure that concerns all orders: the network or the store is gone. Each one is twice as
 * long as the one before, up to a minute, and half of it is random. A success ends it.
 *
 * Tested in tests/client/outbox/sender_test.ts.
 */
import { backoffMs, type Clock } from "../clock.ts";

const MOST_MS = 60_000;

export class Pause {
  #failures = 0;
  #until = -Infinity;

  constructor(readonly clock: Clock) {}

  /** True from the first failure until something works. */
  get isOn(): boolean {
    return this.#failures > 0;
  }

  /** The time of the next try. */
  get until(): number {
    return this.#until;
  }

  failed(atLeastMs = 0): void {
    const waitMs = backoffMs(this.clock, ++this.#failures, MOST_MS);
    this.#until = this.clock.now() + Math.max(atLeastMs, waitMs);
  }

  worked(): void {
    this.#failures = 0;
    this.#until = -Infinity;
  }

  /** Lets the next try be made at once. */
  cut(): void {
    this.#until = -Infinity;
  }
}
