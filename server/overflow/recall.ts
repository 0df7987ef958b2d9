/**
 * Recalling: committing orders while some of them may wait in the overflow.
 *
 * An order that was answered `spilled` holds its key until it is drained. The client may send the
 * order again before that. Then the order is committed with the time that the overflow gave it, and
 * the answer is a replay. Other content under the key is a mismatch. If the database has a row
 * under the key, that row decides instead.
 */
import type { Commit } from "../../actors/order_writer/bisect.ts";
import type { StoredOrder } from "../../sql/orders/batch.ts";
import type { NewOrder } from "../../sql/orders/new_order.ts";

/** The overflow's record of a key. */
export interface OverflowRecord {
  readonly contentHash: string;
  readonly placedAt: string;
}

export interface RecallOptions {
  readonly commit: Commit;
  /** Reads the rows of these orders, and adds nothing. */
  readonly read: Commit;
  /** Records by order id; empty when none waits, or when Redis does not answer at once. */
  readonly recall: (orderIds: readonly string[]) => Promise<ReadonlyMap<string, OverflowRecord>>;
  /** Called when an order that waited in the overflow has been committed. */
  readonly onRecalled: () => void;
}

/** `commit` for while orders may wait in the overflow. */
export function commitRecalling(options: RecallOptions): Commit {
  return async (orders) => {
    const records = await options.recall(orders.map((order) => order.orderId));
    if (records.size === 0) return await options.commit(orders);
    const isOther = (order: NewOrder) => {
      const record = records.get(order.orderId);
      return record !== undefined && record.contentHash !== order.contentHash;
    };
    // The read comes before the commit. After the commit, a read that fails would hide that orders
    // are committed.
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
