/**
 * The weight of an order, in lines: what it takes of a batch. Every order has a fixed cost, about
 * that of five lines. So a small order weighs as much as five lines, and a large one as much as its
 * lines.
 */

/** The weight of the smallest order, in lines. */
export const LEAST_WEIGHT = 5;

/** The weight of an order with so many lines. */
export function weightOf(lineCount: number): number {
  return Math.max(LEAST_WEIGHT, lineCount);
}
