/**
 * The overflow as the writer sees it: a durable place for orders while the database is out. Also the
 * step that puts one group of orders there and answers their callers.
 *
 * Answers follow the same rules as those of a commit. `spilled` is said only after the overflow has the
 * order on disk. A refusal is said only when nothing can have been stored.
 */
import type { NewOrder } from "../../sql/orders/new_order.ts";
import type { Mailbox } from "./mailbox/mailbox.ts";
import { circuitOpen, IDEMPOTENCY_MISMATCH, unlessStored } from "./order_refusals.ts";
import type { BatchEntry } from "./mailbox/waiting_order.ts";

/** The overflow's answer to one order. */
export type SpillResult =
  /** The order is on disk there. `isNew`: this call put it there. */
  | {
    readonly outcome: "spilled";
    readonly isNew: boolean;
    readonly contentHash: string;
    /** ISO 8601, by the overflow's clock when the order was first written. */
    readonly placedAt: string;
  }
  /** The overflow has reached its bounds. Nothing was written. */
  | { readonly outcome: "full" };

export interface Overflow {
  /** True while it has proven that it keeps orders on disk. */
  isReady(): boolean;
  /**
   * Writes orders, at most one for each order id. May be called again with the same orders.
   * @throws OverflowUnreachable when nothing was written. After any other error the orders may be
   *   written, all of them or none, now or a moment later.
   */
  write(orders: readonly NewOrder[]): Promise<ReadonlyMap<string, SpillResult>>;
}

/** Nothing was sent to the overflow. */
export class OverflowUnreachable extends Error {
  override readonly name = "OverflowUnreachable";
}

/** The result of one group. */
export interface SpillReport {
  readonly spilled: number;
  /** True when the overflow did not answer. The orders are back in the mailbox. */
  readonly failed: boolean;
}

/** Puts at most `maxOrders` waiting orders into the overflow and answers their callers. */
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
