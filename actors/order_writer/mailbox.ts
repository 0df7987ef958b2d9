/**
 * The mailbox: orders waiting for the next batch, bounded in rows and in bytes.
 *
 * A plain buffer that decides nothing. An order is either waiting (`offer`, `putBack`) or taken
 * (`take`); it leaves by being answered, and every way out of here answers it.
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
  /** True once it was sent and no definite answer came: from then on it is never refused. */
  maybeStored: boolean;
}

/** All waiting waiting of one order and one content: one row for the database. */
export interface BatchEntry {
  readonly order: NewOrder;
  readonly waiting: readonly WaitingOrder[];
}

export interface MailboxBounds {
  readonly maxOrders: number;
  readonly maxBytes: number;
}

/** What an order weighs beside its texts: the objects, the promise, the map entries. */
const OVERHEAD_BYTES = 512;

export class Mailbox {
  #waiting: WaitingOrder[] = [];
  readonly #taken = new Set<WaitingOrder>();
  /** How many taken waiting each order has. */
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

  /** Takes a waitingOrder in; false, and nothing has changed, when it would pass a bound. */
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
   * Takes the oldest waiting out for a batch of at most `maxOrders` orders, and of no more lines than
   * a batch may have. Letters with the same order and content travel together; one with other content
   * under the same key waits until they are answered, so that of two contents the first to come is
   * the first to be stored.
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
        if (lines > MAX_BATCH_LINES) break; // never at the first: an order has far fewer
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

  /** Puts taken waiting back to the front, for another try. Ones answered meanwhile stay out. */
  putBack(waiting: readonly WaitingOrder[]): void {
    const still = waiting.filter((waitingOrder) => this.#unmark(waitingOrder));
    this.#waiting = [...still, ...this.#waiting];
    this.#lines += linesOf(still);
  }

  /** Answers taken waiting. Ones answered before keep their first answer. */
  settle(waitingOrder: WaitingOrder, answer: Answer): void {
    if (this.#unmark(waitingOrder)) this.#release(waitingOrder, answer);
  }

  /** Answers the waiting waiting that `which` picks. */
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

  /** Answers the taken waiting that `which` picks; what becomes of their batch is not heard. */
  giveUp(which: (waitingOrder: WaitingOrder) => boolean, answer: Answer): void {
    for (const waitingOrder of [...this.#taken].filter(which)) this.settle(waitingOrder, answer);
  }

  /** Answers everything, waiting or taken: the last thing that happens here. */
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

  /** False when the waitingOrder was not taken, or has been answered since. */
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
