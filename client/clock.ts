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

export const systemClock: Clock = {
  now: () => performance.now(),
  after: (ms, call) => {
    const timer = setTimeout(call, ms);
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

const BACKOFF = { firstMs: 50, mostMs: 5_000 };

/** The wait after so many failed tries: it doubles, and half of it is random. */
export function backoffMs(clock: Clock, tries: number): number {
  const ceilingMs = Math.min(BACKOFF.mostMs, BACKOFF.firstMs * 2 ** tries);
  return ceilingMs * (0.5 + clock.random() / 2);
}
