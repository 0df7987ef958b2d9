/**
 * The wait before the next try: exponential, with a cap and full jitter. Instances that failed
 * together must not come back together. (The "full jitter" of the AWS Architecture Blog,
 * "Exponential Backoff And Jitter".)
 */

export interface BackoffOptions {
  readonly firstMs: number;
  readonly maxMs: number;
}

/** Keeps the power a finite number. Every cap in use is reached after far fewer doublings. */
const MOST_DOUBLINGS = 30;

/**
 * The wait before try number `attempt` (1 for the first one after a failure), milliseconds.
 * @param random a number from 0 to 1, exclusive.
 */
export function backoffMs(options: BackoffOptions, attempt: number, random: number): number {
  const ceiling = Math.min(
    options.maxMs,
    options.firstMs * 2 ** Math.min(attempt - 1, MOST_DOUBLINGS),
  );
  return Math.max(1, Math.round(ceiling * random));
}
