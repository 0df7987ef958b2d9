/**
 * Committing orders of which some may wait in the overflow buffer.
 *
 * An order that was answered `spilled` holds its key until it is drained. Sent again before that, it
 * is committed as it was acknowledged, with the time that the buffer gave it, and answered as a
 * replay; other content under its key is a mismatch, unless the database has it: its row governs.
 */
import type { Commit } from "../../actors/order_writer/bisect.ts";
import type { StoredOrder } from "../../sql/orders/batch.ts";
import type { NewOrder } from "../../sql/orders/new_order.ts";

/** What the buffer holds under a key. */
export interface OverflowRecord {
  readonly contentHash: string;
  readonly placedAt: string;
}

export interface RecallOptions {
  readonly commit: Commit;
  /** What the database has under these keys, adding nothing. */
  readonly read: Commit;
  /** By order id; empty when nothing waits there, or it does not answer at once. */
  readonly recall: (orderIds: readonly string[]) => Promise<ReadonlyMap<string, OverflowRecord>>;
  /** Called when orders that were in the buffer have been committed. */
  readonly onRecalled: () => void;
}

/** `commit` for when there may be orders in the buffer. */
export function commitRecalling(options: RecallOptions): Commit {
  return async (orders) => {
    const records = await options.recall(orders.map((order) => order.orderId));
    if (records.size === 0) return await options.commit(orders);
    const isOther = (order: NewOrder) => {
      const record = records.get(order.orderId);
      return record !== undefined && record.contentHash !== order.contentHash;
    };
    // Read before anything is committed: after a commit, nothing may fail any more.
    const others = orders.filter(isOther);
    const rows = others.length === 0 ? new Map() : await options.read(others);
    const own = orders.filter((order) => !isOther(order)).map((order) => ({
      ...order,
      placedAt: order.placedAt ?? records.get(order.orderId)?.placedAt ?? null,
    }));
    const stored = new Map(own.length === 0 ? [] : await options.commit(own));
    for (const [orderId, row] of stored) {
      if (!records.has(orderId) || !row.isNew) continue;
      stored.set(orderId, { ...row, isNew: false }); // it was acknowledged before
      options.onRecalled();
    }
    for (const { orderId } of others) {
      stored.set(orderId, rows.get(orderId) ?? recorded(records.get(orderId)!));
    }
    return stored;
  };
}

function recorded(record: OverflowRecord): StoredOrder {
  return { isNew: false, ...record };
}
