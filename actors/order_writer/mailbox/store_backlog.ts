/**
 * The backlog of one store: its waiting orders, first come first. All callers of one key stand
 * together, at the place of the first of them.
 *
 * The keys are a linked list. A key enters and leaves at either end, and leaves from the middle, in a
 * time that does not depend on how many wait.
 *
 * Tested in tests/actors/order_writer/mailbox/backlogs_test.ts.
 */
import type { WaitingOrder } from "./waiting_order.ts";

/** All orders of one key that wait: at least one, with any content. */
export interface WaitingKey {
  readonly orderId: string;
  readonly backlog: StoreBacklog;
  /** The first to come is first. */
  orders: WaitingOrder[];
  /** True while a batch under way has this key. The orders wait until it is answered. */
  isHeld: boolean;
  before: WaitingKey | null;
  after: WaitingKey | null;
}

export class StoreBacklog {
  /** Turns that the store has saved up for a large order, in lines. */
  credit = 0;
  /** Keys that the next batch may take. */
  readyKeys = 0;
  /** Orders, and their weight and bytes together. */
  orders = 0;
  weight = 0;
  bytes = 0;
  first: WaitingKey | null = null;
  #last: WaitingKey | null = null;

  append(key: WaitingKey): void {
    key.before = this.#last;
    if (this.#last === null) this.first = key;
    else this.#last.after = key;
    this.#last = key;
  }

  prepend(key: WaitingKey): void {
    key.after = this.first;
    if (this.first === null) this.#last = key;
    else this.first.before = key;
    this.first = key;
  }

  unlink(key: WaitingKey): void {
    const { before, after } = key;
    if (before === null) this.first = after;
    else before.after = after;
    if (after === null) this.#last = before;
    else after.before = before;
    key.before = key.after = null;
  }

  /** Every key, the first first. A key may leave while it is looked at. */
  *keys(): Generator<WaitingKey> {
    for (let key = this.first, next; key !== null; key = next) {
      next = key.after;
      yield key;
    }
  }

  /** Every order, the last to come first. */
  *newestFirst(): Generator<WaitingOrder> {
    for (let key = this.#last; key !== null; key = key.before) {
      for (let index = key.orders.length - 1; index >= 0; index--) yield key.orders[index]!;
    }
  }
}
