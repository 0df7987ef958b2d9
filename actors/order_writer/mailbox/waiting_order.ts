/**
 * A waiting order: an order in the mailbox, together with its caller.
 *
 * Tested in tests/actors/order_writer/mailbox/mailbox_test.ts.
 */
import type { Answer } from "../../../client/contract/order.ts";
import type { NewOrder } from "../../../sql/orders/new_order.ts";

/** An order and the caller who waits for its answer. */
export interface WaitingOrder {
  readonly order: NewOrder;
  /** By the writer's clock, milliseconds. */
  readonly deadlineAt: number;
  readonly answer: (answer: Answer) => void;
  /** True once the order was sent and no definite answer came. It is never refused after that. */
  maybeStored: boolean;
}

/** All callers of one order and one content. The database gets one row for them. */
export interface BatchEntry {
  readonly order: NewOrder;
  readonly waiting: readonly WaitingOrder[];
}

/**
 * The bytes of an order beside its texts: the objects, the ids, the promise, the map entries. An
 * estimate: 20,000 waiting orders of one line took 787 bytes each on the heap, 97 of them texts, and
 * 1,044 if each is of another store. So the mailbox counts about a fifth too little for small orders,
 * and nearly right for large ones.
 */
const OVERHEAD_BYTES = 512;

/** The bytes that a waiting order takes, about. */
export function bytesOf(order: NewOrder): number {
  return OVERHEAD_BYTES + order.linesJson.length + order.metadataJson.length +
    order.idempotencyKey.length + (order.customerRef?.length ?? 0);
}
