/**
 * The gate of a pool: it lets a bounded number of calls in at once, in the order they came, and lets
 * a bounded number wait.
 *
 * The gate lets in only as many calls as the driver can begin at once. So no call waits in the
 * driver's own queue. That queue has no bound, and it opens connections even after the pool has
 * ended.
 */

import { WEIR_CODE } from "./failure/codes.ts";

/** The call was never begun: too many others were waiting, or it waited too long. */
export class PoolBusy extends Error {
  readonly code = WEIR_CODE.poolBusy;
  constructor() {
    super("too many calls are waiting for a connection");
    this.name = "PoolBusy";
  }
}

export interface GateBounds {
  /** The most calls inside at once. */
  readonly places: number;
  readonly maxWaiting: number;
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

  /** How many callers wait. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** Resolves when the caller has a place, which `leave` gives back. @throws PoolBusy */
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
      await promise; // the call that left has handed its place on
    } finally {
      clearTimeout(timer);
      this.#waiting.delete(waiting);
    }
  }

  leave(): void {
    for (const next of this.#waiting) { // only the first
      this.#waiting.delete(next);
      return next.enter();
    }
    this.#taken--;
  }

  /** Refuses all calls that wait. */
  clear(error: Error): void {
    for (const { refuse } of this.#waiting) refuse(error);
    this.#waiting.clear();
  }
}
