/**
 * The overflow buffer as the writer sees it: somewhere durable to put orders while the database is
 * out, and one group of them put there.
 *
 * An answer follows the same rules as a commit's: `spilled` only after the buffer has the order on
 * disk, a refusal only when surely nothing was stored.
 */
import type { NewOrder } from "../../sql/orders/new_order.ts";
import type { BatchEntry, Mailbox } from "./mailbox.ts";
import { circuitOpen, IDEMPOTENCY_MISMATCH, unlessStored } from "./order_refusals.ts";

/** What the buffer says to one order. */
export type SpillResult =
  /** It is on disk there. `isNew`: this call put it there. */
  | {
    readonly outcome: "spilled";
    readonly isNew: boolean;
    readonly contentHash: string;
    /** ISO 8601, by the buffer's clock at the first writing. */
    readonly placedAt: string;
  }
  /** The buffer's bounds are reached: nothing was written. */
  | { readonly outcome: "full" };

export interface Overflow {
  /** True while it is proven to keep what it is given. */
  isReady(): boolean;
  /**
   * Writes orders, at most one per order id; may be called again with the same.
   * @throws OverflowUnreachable when surely nothing was written, else anything: then all or nothing
   *   of it may have been, now or in a moment.
   */
  write(orders: readonly NewOrder[]): Promise<ReadonlyMap<string, SpillResult>>;
}

/** Nothing was sent to the buffer. */
export class OverflowUnreachable extends Error {}

/** What became of a group. */
export interface SpillReport {
  readonly spilled: number;
  /** True when the buffer did not answer, and the orders are back in the mailbox. */
  readonly failed: boolean;
}

/** Puts at most `maxOrders` waiting orders into the buffer and answers their callers. */
export async function groupSpill(
  mailbox: Mailbox,
  overflow: Overflow,
  maxOrders: number,
  retryAfterMs: () => number,
): Promise<SpillReport> {
  const entries = mailbox.take(maxOrders);
  let results: ReadonlyMap<string, SpillResult>;
  try {
    results = await overflow.write(entries.map((entry) => entry.order));
  } catch (error) {
    const waiting = entries.flatMap((entry) => entry.waiting);
    if (!(error instanceof OverflowUnreachable)) {
      for (const waitingOrder of waiting) waitingOrder.maybeStored = true;
    }
    mailbox.putBack(waiting);
    return { spilled: 0, failed: true };
  }
  for (const entry of entries) settle(mailbox, entry, results, retryAfterMs());
  return { spilled: entries.length, failed: false };
}

function settle(
  mailbox: Mailbox,
  { order, waiting }: BatchEntry,
  results: ReadonlyMap<string, SpillResult>,
  retryAfterMs: number,
): void {
  const result = results.get(order.orderId) ?? { outcome: "full" };
  waiting.forEach((waitingOrder, index) => {
    if (result.outcome === "full") {
      mailbox.settle(waitingOrder, unlessStored(waitingOrder, circuitOpen(retryAfterMs)));
    } else if (result.contentHash !== order.contentHash) {
      mailbox.settle(waitingOrder, unlessStored(waitingOrder, IDEMPOTENCY_MISMATCH));
    } else {
      mailbox.settle(waitingOrder, {
        ok: true,
        acknowledgement: {
          orderId: order.orderId,
          status: "spilled",
          replayed: !(result.isNew && index === 0),
          totalMinor: order.totalMinor,
          currency: order.currency,
          placedAt: result.placedAt,
        },
      });
    }
  });
}
