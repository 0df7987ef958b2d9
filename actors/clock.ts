/**
 * The clock of the actors. It comes in from outside, so that tests run the same machines in simulated
 * time (tests/support/doubles/simulated_clock.ts).
 *
 * Tested in tests/server/two_instances_test.ts: every instance runs by the system's clock.
 */

import { setImmediate } from "node:timers";

/** The clock that XState expects (the library does not export its type), and three functions more. */
export interface ActorClock {
  setTimeout(callback: () => void, ms: number): unknown;
  clearTimeout(timer: unknown): void;
  /** Monotonic, milliseconds from some fixed point. */
  readonly now: () => number;
  /** Calls back after everything that can run now has run. */
  readonly soon: (callback: () => void) => void;
  /** Calls back a moment later, so that what arrives meanwhile has arrived. */
  readonly later: (callback: () => void) => void;
}

/** The machine's own clock. */
export const systemClock: ActorClock = {
  setTimeout: (callback, ms) => setTimeout(callback, ms),
  clearTimeout: (timer) => clearTimeout(timer as number),
  now: () => performance.now(),
  soon: (callback) => {
    setImmediate(callback);
  },
  later: (callback) => {
    setTimeout(callback, 0); // one to two milliseconds
  },
};
