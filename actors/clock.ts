/**
 * Time as the actors see it: a clock that comes in from outside, so that the same machines run
 * under a simulated one.
 */

/** XState's own clock interface, which the library does not export, and two things more. */
export interface ActorClock {
  setTimeout(callback: () => void, ms: number): unknown;
  clearTimeout(timer: unknown): void;
  /** Monotonic, milliseconds from some fixed point. */
  readonly now: () => number;
  /** Calls back once what is ready to run now has run. */
  readonly soon: (callback: () => void) => void;
}

/** The machine's own clock. */
export const systemClock: ActorClock = {
  setTimeout: (callback, ms) => setTimeout(callback, ms),
  clearTimeout: (timer) => clearTimeout(timer as number),
  now: () => performance.now(),
  soon: (callback) => {
    setTimeout(callback, 0);
  },
};
