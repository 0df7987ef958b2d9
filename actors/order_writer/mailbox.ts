/**
 * The mailbox: orders that wait for the next batch, bounded in number and in bytes.
 *
 * The mailbox decides nothing. An order in it is either waiting (`offer`, `putBack`) or taken
 * (`take`). An order leaves the mailbox only with an answer, and gets exactly one.
 */
import type { Answer } from "../../client/contract/order.ts";
import { MAX_BATCH_LINES } from "../../sql/orders/batch.ts";
import type { NewOrder } from "../../sql/orders/new_order.ts";

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

export interface MailboxBounds {
  readonly maxOrders: number;
  readonly maxBytes: number;
}

/**
 * The weight of an order beside its texts: the objects, the ids, the promise, the map entries. An
 * estimate: 20,000 waiting orders of one line took 775 bytes each on the heap, 97 of them texts. So
 * the mailbox counts about a fifth too little for small orders, and nearly right for large ones.
 */
const OVERHEAD_BYTES = 512;

export class Mailbox {
  #waiting: WaitingOrder[] = [];
  readonly #taken = new Set<WaitingOrder>();
  /** How many callers each taken order has, by order id. */
  readonly #takenOf = new Map<string, number>();
  #bytes = 0;
  #lines = 0;

  constructor(readonly bounds: MailboxBounds) {}

  /** Orders waiting for a batch. */
  get orders(): number {
    return this.#waiting.length;
  }

  /** Lines of the orders waiting for a batch. */
  get lines(): number {
    return this.#lines;
  }

  /** Bytes of all orders here, waiting or taken. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Orders in a batch that is being committed. */
  get taken(): number {
    return this.#taken.size;
  }

  /** Adds an order. Returns false, and changes nothing, when it would pass a bound. */
  offer(waitingOrder: WaitingOrder): boolean {
    const bytes = bytesOf(waitingOrder.order);
    const orders = this.#waiting.length + this.#taken.size;
    if (orders >= this.bounds.maxOrders || this.#bytes + bytes > this.bounds.maxBytes) return false;
    this.#waiting.push(waitingOrder);
    this.#bytes += bytes;
    this.#lines += waitingOrder.order.lineCount;
    return true;
  }

  /** True when `take` would take something. */
  canTake(): boolean {
    return this.#waiting.some((waitingOrder) => !this.#takenOf.has(waitingOrder.order.orderId));
  }

  /**
   * Takes the oldest waiting orders for a batch: at most `maxOrders`, and no more lines than a batch
   * may have. Callers with the same key and content share one entry. An order with other content
   * under a taken key waits until that key is answered. So the first of two contents is stored.
   */
  take(maxOrders: number): BatchEntry[] {
    const entries = new Map<string, { order: NewOrder; waiting: WaitingOrder[] }>();
    const left: WaitingOrder[] = [];
    let index = 0;
    let lines = 0;
    for (; index < this.#waiting.length && entries.size < maxOrders; index++) {
      const waitingOrder = this.#waiting[index]!;
      const { orderId, contentHash } = waitingOrder.order;
      const entry = entries.get(orderId);
      if (entry === undefined && this.#takenOf.has(orderId)) {
        left.push(waitingOrder);
      } else if (entry === undefined) {
        lines += waitingOrder.order.lineCount;
        if (lines > MAX_BATCH_LINES) break; // not at the first order: it has far fewer lines
        entries.set(orderId, { order: waitingOrder.order, waiting: [waitingOrder] });
      } else if (entry.order.contentHash === contentHash) {
        entry.waiting.push(waitingOrder);
      } else {
        left.push(waitingOrder);
      }
    }
    for (const { waiting } of entries.values()) {
      waiting.forEach((waitingOrder) => this.#mark(waitingOrder));
      this.#lines -= linesOf(waiting);
    }
    this.#waiting = [...left, ...this.#waiting.slice(index)];
    return [...entries.values()];
  }

  /** Puts taken orders back to the front, for another try. Orders answered meanwhile stay out. */
  putBack(waiting: readonly WaitingOrder[]): void {
    const still = waiting.filter((waitingOrder) => this.#unmark(waitingOrder));
    this.#waiting = [...still, ...this.#waiting];
    this.#lines += linesOf(still);
  }

  /** Answers a taken order. An order that was answered before keeps its first answer. */
  settle(waitingOrder: WaitingOrder, answer: Answer): void {
    if (this.#unmark(waitingOrder)) this.#release(waitingOrder, answer);
  }

  /** Answers the waiting orders that `which` picks. @returns how many. */
  dismiss(
    which: (waitingOrder: WaitingOrder) => boolean,
    answerOf: (waitingOrder: WaitingOrder) => Answer,
  ): number {
    const leaving = this.#waiting.filter(which);
    if (leaving.length === 0) return 0;
    this.#waiting = this.#waiting.filter((waitingOrder) => !which(waitingOrder));
    this.#lines -= linesOf(leaving);
    for (const waitingOrder of leaving) this.#release(waitingOrder, answerOf(waitingOrder));
    return leaving.length;
  }

  /** Answers the taken orders that `which` picks. Their batch goes on, but nobody hears its result. */
  giveUp(which: (waitingOrder: WaitingOrder) => boolean, answer: Answer): void {
    for (const waitingOrder of [...this.#taken].filter(which)) this.settle(waitingOrder, answer);
  }

  /** Answers every order, waiting or taken. Nothing happens here after it. @returns how many. */
  dismissAll(answerOf: (waitingOrder: WaitingOrder, taken: boolean) => Answer): number {
    const taken = [...this.#taken];
    for (const waitingOrder of taken) this.settle(waitingOrder, answerOf(waitingOrder, true));
    return taken.length + this.dismiss(() => true, (waitingOrder) => answerOf(waitingOrder, false));
  }

  #mark(waitingOrder: WaitingOrder): void {
    const { orderId } = waitingOrder.order;
    this.#taken.add(waitingOrder);
    this.#takenOf.set(orderId, (this.#takenOf.get(orderId) ?? 0) + 1);
  }

  /** False when the order was not taken, or has been answered since. */
  #unmark(waitingOrder: WaitingOrder): boolean {
    if (!this.#taken.delete(waitingOrder)) return false;
    const { orderId } = waitingOrder.order;
    const left = (this.#takenOf.get(orderId) ?? 0) - 1;
    if (left > 0) this.#takenOf.set(orderId, left);
    else this.#takenOf.delete(orderId);
    return true;
  }

  #release(waitingOrder: WaitingOrder, answer: Answer): void {
    this.#bytes -= bytesOf(waitingOrder.order);
    waitingOrder.answer(answer);
  }
}

function linesOf(waiting: readonly WaitingOrder[]): number {
  return waiting.reduce((lines, { order }) => lines + order.lineCount, 0);
}

function bytesOf(order: NewOrder): number {
  return OVERHEAD_BYTES + order.linesJson.length + order.metadataJson.length +
    order.idempotencyKey.length + (order.customerRef?.length ?? 0);
}
