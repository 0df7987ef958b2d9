/**
 * An order store whose every commit is answered by the test: when, and how. It remembers what was
 * committed, as the database does.
 */
import type { OrderStore } from "../../../actors/order_writer/group_commit.ts";
import type { StoredOrder } from "../../../sql/orders/batch.ts";
import type { NewOrder } from "../../../sql/orders/new_order.ts";

/** An error of the server: the statement was rolled back, unless it is FATAL. */
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
  /** What happens to each batch before it is committed; throwing keeps it from being. */
  before: Script = () => undefined;
  /** What happens after it was committed; throwing loses the answer. */
  after: Script = () => undefined;

  /** The keys of parked orders, each with the code. */
  readonly parked = new Map<string, string>();

  park = (order: NewOrder, code: string): Promise<string> => {
    this.parked.set(order.idempotencyKey, code);
    return Promise.resolve(`waitingOrder of ${order.idempotencyKey}`);
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

/** A step that a test holds up until it says so. */
export function gate() {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  return { passed: promise, open: resolve, fail: reject };
}
