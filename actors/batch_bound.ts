/**
 * How many orders a batch may have: halved by a timeout, since a smaller one may get through, and
 * grown back by success, more slowly than it fell.
 */

/** The bound after a batch of `orders` was too slow; 1 at the least. */
export function halvedBound(orders: number): number {
  return Math.max(1, Math.floor(orders / 2));
}

/** The bound after a batch went well; `most` at the most. */
export function grownBound(bound: number, most: number): number {
  return Math.min(most, Math.ceil(bound * 1.1));
}
