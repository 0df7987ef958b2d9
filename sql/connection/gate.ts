/**
 * The gate of a pool: it lets a bounded number of calls in at once, in the order they came. A
 * bounded number of further calls may wait.
 *
 * The driver can therefore begin each call at once, and no call waits in the driver's own queue.
 * That queue has no bound, and it brings connections of an ended pool back to life.
 */

/** A call that never began, because too many calls were waiting or because it waited too long. */
export class PoolBusy extends Error {
  readonly code = "WEIR_POOL_BUSY";
  constructor() {
    super("too many calls are waiting for a connection");
    this.name = "PoolBusy";
  }
}

export interface GateBounds {
  /** Calls that are let in at once. */
  readonly places: number;
  readonly maxWaiting: number;
  /** The longest wait of a call, milliseconds. */
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

  /** Resolves when the caller has a place. The caller gives it back with `leave`. @throws PoolBusy */
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
      await promise; // the leaving caller has passed its place to this one
    } finally {
      clearTimeout(timer);
      this.#waiting.delete(waiting);
    }
  }

  leave(): void {
    for (const next of this.#waiting) { // the caller that came first
      this.#waiting.delete(next);
      return next.enter();
    }
    this.#taken--;
  }

  /** Refuses all waiting callers. */
  clear(error: Error): void {
    for (const { refuse } of this.#waiting) refuse(error);
    this.#waiting.clear();
  }
}
