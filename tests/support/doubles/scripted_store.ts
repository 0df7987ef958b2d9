/**
 * An order store in memory. The test decides when and how each commit is answered. The store keeps
 * the committed rows, as the database does.
 */
import type { BrokenRule } from "../../../client/contract/broken_rule.ts";
import type { OrderStore } from "../../../actors/order_writer/group_commit.ts";
import type { StoredOrder } from "../../../sql/orders/batch.ts";
import type { NewOrder } from "../../../sql/orders/new_order.ts";

/** An error of the database server. The statement was rolled back, unless the error is FATAL. */
export function sqlError(code: string, severity = "ERROR"): Error {
  return Object.assign(new Error(`the server said ${code}`), { code, severity });
}

/** An error of the connection. */
export function socketError(code: string): Error {
  return Object.assign(new Error(`the connection said ${code}`), { code });
}

type Script = (orders: readonly NewOrder[]) => Promise<void> | void;

export class ScriptedStore implements OrderStore {
  readonly rows = new Map<string, StoredOrder>();
  /** The sizes of the batches that were sent, in order. */
  readonly sent: number[] = [];
  /** Runs before each commit. An error keeps the batch from being committed. */
  before: Script = () => undefined;
  /** Runs after each commit. An error loses the answer. */
  after: Script = () => undefined;

  /** The code of the rule of each parked order, under its idempotency key. */
  readonly parked = new Map<string, string>();

  park = (order: NewOrder, { code }: BrokenRule): Promise<string> => {
    this.parked.set(order.idempotencyKey, code);
    return Promise.resolve(`dead letter of ${order.idempotencyKey}`);
  };

  readonly commit = async (
    orders: readonly NewOrder[],
  ): Promise<ReadonlyMap<string, StoredOrder>> => {
    this.sent.push(orders.length);
    await this.before(orders);
    const stored = new Map<string, StoredOrder>();
    for (const { orderId, contentHash } of orders) {
      const known = this.rows.get(orderId);
      const row = known ?? { isNew: true, contentHash, placedAt: "2026-11-22T10:00:00.000Z" };
      if (known === undefined) this.rows.set(orderId, { ...row, isNew: false });
      stored.set(orderId, row);
    }
    await this.after(orders);
    return stored;
  };
}

/** A step that waits until the test opens it. */
export function gate() {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  return { passed: promise, open: resolve, fail: reject };
}
