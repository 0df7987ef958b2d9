/**
 * The time of an answer, as HTTP's `Date` has it. Nothing of Weir is decided by it.
 *
 * Tested in tests/server/front/lane/lane_test.ts.
 */

const SECOND_MS = 1_000;

let text = "";
let second = NaN;

/** Made once a second, because to write a date costs more than to parse an order. */
export function httpDate(): string {
  const now = Math.floor(Date.now() / SECOND_MS);
  if (now !== second) {
    second = now;
    text = new Date(now * SECOND_MS).toUTCString();
  }
  return text;
}
