/**
 * The way into a pool: so many calls at once, in the order they came, and a bounded number that
 * wait. What the driver gets it can begin at once, so nothing ever waits in the driver's own queue,
 * which has no bound, and which brings connections of an ended pool back to life.
 */

import { WEIR_CODE } from "./failure.ts";

/** A call that was never begun: too many others were waiting, or it waited too long. */
export class PoolBusy extends Error {
  readonly code = WEIR_CODE.poolBusy;
  constructor() {
    super("too many calls are waiting for a connection");
    this.name = "PoolBusy";
  }
}

export interface GateBounds {
  /** Calls that are let in at once. */
  readonly places: number;
  readonly maxWaiting: number;
  /** What a call waits at the most, milliseconds. */
  readonly waitTimeoutMs: number;
}

interface Waiting {
  readonly enter: () => void;
  readonly refuse: (error: Error) => void;
}

export class Gate {
  #taken = 0;
  readonly #waiting = new Set<Waiting>();

  constructor(readonly bounds: GateBounds) {}

  /** Resolves when there is a place; who got one calls `leave`. @throws PoolBusy */
  async enter(): Promise<void> {
    const { places, maxWaiting, waitTimeoutMs } = this.bounds;
    if (this.#taken < places) {
      this.#taken++;
      return;
    }
    if (this.#waiting.size >= maxWaiting) throw new PoolBusy();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const waiting = { enter: resolve, refuse: reject };
    this.#waiting.add(waiting);
    const timer = setTimeout(() => reject(new PoolBusy()), waitTimeoutMs);
    try {
      await promise; // the place of the one who left is this one's by then
    } finally {
      clearTimeout(timer);
      this.#waiting.delete(waiting);
    }
  }

  leave(): void {
    for (const next of this.#waiting) { // the first of them
      this.#waiting.delete(next);
      return next.enter();
    }
    this.#taken--;
  }

  /** Refuses all who wait. */
  clear(error: Error): void {
    for (const { refuse } of this.#waiting) refuse(error);
    this.#waiting.clear();
  }
}
