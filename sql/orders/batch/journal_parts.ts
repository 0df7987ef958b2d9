/**
 * The parts of a batch in the journal: each part becomes a row of its own.
 *
 * A store with many lines in a batch gets rows of its own, so that a fold can leave them for later and
 * take those of other stores. All other stores share a row. No order is divided, because a snapshot
 * shows whole orders.
 */
import type { NewOrder } from "../new_order.ts";

/**
 * A store with more lines than this in one batch has rows of its own. Chosen: a row costs a batch
 * about as much as two lines, so such rows cost little beside their lines. And a store that stays
 * below, in fifty batches a second, adds less than folds can take.
 */
export const SHARED_LINES = 64;

/** A row has at most this many lines, and those of one more order. */
export const PART_LINES = 500;

/**
 * The part of each order, in their order. A part above zero has one store. The parts from zero down
 * are shared.
 */
export function journalParts(
  orders: readonly Pick<NewOrder, "storeId" | "lineCount">[],
): number[] {
  const linesOf = new Map<string, number>();
  for (const { storeId, lineCount } of orders) {
    linesOf.set(storeId, (linesOf.get(storeId) ?? 0) + lineCount);
  }
  const shared = { number: 0, lines: 0 };
  const own = new Map<string, { number: number; lines: number }>();
  let owned = 0;
  return orders.map(({ storeId, lineCount }) => {
    if (linesOf.get(storeId)! <= SHARED_LINES) {
      if (shared.lines >= PART_LINES) {
        Object.assign(shared, { number: shared.number - 1, lines: 0 });
      }
      shared.lines += lineCount;
      return shared.number;
    }
    let part = own.get(storeId);
    if (part === undefined || part.lines >= PART_LINES) {
      part = { number: ++owned, lines: 0 };
      own.set(storeId, part);
    }
    part.lines += lineCount;
    return part.number;
  });
}
