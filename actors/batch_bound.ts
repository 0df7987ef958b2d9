/**
 * The batch bound: the most orders of the next batch. A timeout halves it, because a smaller batch may
 * get through. Each success lets it grow by a tenth. Growing must be slower than falling, or every
 * second batch would time out. Half and a tenth are chosen, not measured.
 *
 * Tested in tests/actors/batch_bound_test.ts, and in the machines by order_writer/circuit_test.ts and
 * overflow_drainer/overflow_drainer_test.ts.
 */

/** The bound after a batch of `orders` was too slow. At least 1. */
export function halvedBound(orders: number): number {
  return Math.max(1, Math.floor(orders / 2));
}

/** The bound after a batch was stored. At most `most`. */
export function grownBound(bound: number, most: number): number {
  return Math.min(most, Math.ceil(bound * 1.1));
}
