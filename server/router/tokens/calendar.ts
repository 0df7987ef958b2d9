/**
 * The calendar by which browser tokens end. It is that of the instance's machine, because the times in
 * a token come from the calendar of the backend that made it, and no database knows either. A minute
 * of difference is tolerated. The problem `clocks_apart` tells an operator when this one is wrong.
 *
 * Tested in tests/server/router/tokens/lifetime_test.ts.
 */

/** Milliseconds since 1970. */
export function tokenTime(): number {
  return Date.now();
}
