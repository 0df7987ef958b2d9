/**
 * How long to wait before the next try: exponential with a cap and full jitter, so that instances
 * that failed together do not come back together. (The "full jitter" of the AWS Architecture Blog,
 * "Exponential Backoff And Jitter".)
 */

export interface BackoffOptions {
  readonly firstMs: number;
  readonly maxMs: number;
}

/**
 * The wait before try number `attempt` (1 for the first one after a failure), milliseconds.
 * @param random a number from 0 to 1, exclusive.
 */
export function backoffMs(options: BackoffOptions, attempt: number, random: number): number {
  const ceiling = Math.min(options.maxMs, options.firstMs * 2 ** Math.min(attempt - 1, 30));
  return Math.max(1, Math.round(ceiling * random));
}
