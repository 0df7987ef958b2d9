/**
 * Time for the client: monotonic, and replaceable by tests.
 *
 * Tested in tests/client/clock_test.ts.
 */
import { deferred } from "./deferred.ts";

export interface Clock {
  /** Monotonic, milliseconds. */
  now(): number;
  /** Calls back after a time. @returns ends that */
  after(ms: number, call: () => void): () => void;
  /** From 0 up to 1: the random part of a wait keeps many clients from trying at the same moment. */
  random(): number;
}

/** A runtime takes a longer delay for none. */
export const LONGEST_TIMER_MS = 2 ** 31 - 1;

export const systemClock: Clock = {
  now: () => performance.now(),
  after: (ms, call) => {
    let timer: ReturnType<typeof setTimeout>;
    const wait = (leftMs: number) => {
      const nowMs = Math.min(leftMs, LONGEST_TIMER_MS);
      timer = setTimeout(() => leftMs > nowMs ? wait(leftMs - nowMs) : call(), nowMs);
    };
    wait(ms);
    return () => clearTimeout(timer);
  },
  random: Math.random,
};

/** Waits. @throws the signal's reason when it is aborted before the time is over */
export async function delay(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  const { promise, resolve, reject } = deferred<void>();
  const leave = () => {
    stop();
    reject(signal.reason);
  };
  const stop = clock.after(ms, () => {
    signal.removeEventListener("abort", leave);
    resolve();
  });
  signal.addEventListener("abort", leave, { once: true });
  await promise;
}

/**
 * The end of `work`, or of the wait for it.
 * @throws the signal's reason when it aborts first; `work` goes on, and nobody hears of its end
 */
export function orAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise, resolve, reject } = deferred<T>();
  const leave = () => reject(signal.reason);
  if (signal.aborted) leave();
  signal.addEventListener("abort", leave, { once: true });
  work.then(resolve, reject).finally(() => signal.removeEventListener("abort", leave));
  return promise;
}

const FIRST_BACKOFF_MS = 50;
const MOST_BACKOFF_MS = 5_000;

/** The wait after so many failed tries: it doubles, and half of it is random. */
export function backoffMs(clock: Clock, tries: number, mostMs = MOST_BACKOFF_MS): number {
  const ceilingMs = Math.min(mostMs, FIRST_BACKOFF_MS * 2 ** tries);
  return ceilingMs * (0.5 + clock.random() / 2);
}
