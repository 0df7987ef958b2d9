/**
 * The mailbox: orders that wait for the next batch, bounded in number and in bytes.
 *
 * The mailbox decides nothing. An order in it is either waiting (`offer`, `putBack`) or taken
 * (`take`). An order leaves the mailbox only with an answer, and gets exactly one. backlogs.ts holds
 * the waiting orders by store, and says whose turn it is.
 */
import type { Answer } from "../../../client/contract/order.ts";
import { Backlogs } from "./backlogs.ts";
import { type BatchEntry, bytesOf, type WaitingOrder } from "./waiting_order.ts";

export interface MailboxBounds {
  readonly maxOrders: number;
  readonly maxBytes: number;
}

export class Mailbox {
  readonly #backlogs = new Backlogs();
  readonly #taken = new Set<WaitingOrder>();
  /** How many callers each taken order has, by order id. */
  readonly #takenOf = new Map<string, number>();
  #bytes = 0;

  constructor(readonly bounds: MailboxBounds) {}

  /** Orders waiting for a batch. */
  get orders(): number {
    return this.#backlogs.orders;
  }

  /** The bulk of the orders waiting for a batch. */
  get bulk(): number {
    return this.#backlogs.bulk;
  }

  /** Bytes of all orders here, waiting or taken. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Orders in a batch that is being committed. */
  get taken(): number {
    return this.#taken.size;
  }

  /** The backlogs, to be looked at. */
  get backlogs(): Pick<Backlogs, "ahead" | "longestOrders" | "ordersOf" | "stores"> {
    return this.#backlogs;
  }

  /**
   * Adds an order. Where it would pass a bound, the newest orders of a longer backlog leave for it.
   * Returns false, and changes nothing, when no backlog is so much longer than that of its store.
   * @param answerOf the answer to an order that leaves
   */
  offer(waitingOrder: WaitingOrder, answerOf: (waitingOrder: WaitingOrder) => Answer): boolean {
    const { order } = waitingOrder;
    const bytes = bytesOf(order);
    const missing = {
      orders: this.orders + this.taken + 1 - this.bounds.maxOrders,
      bytes: this.#bytes + bytes - this.bounds.maxBytes,
    };
    if (missing.orders > 0 || missing.bytes > 0) {
      const leaving = this.#backlogs.makeRoom(order, missing);
      if (leaving === null) return false;
      for (const one of leaving) this.#release(one, answerOf(one));
    }
    this.#backlogs.add(waitingOrder);
    this.#bytes += bytes;
    return true;
  }

  /** True when `take` would take something. */
  canTake(): boolean {
    return this.#backlogs.isReady;
  }

  /**
   * Takes waiting orders for a batch, of each store in its turn: at most `maxOrders`, and no more
   * bulk than a batch may have. An order with other content under a taken key waits until that key
   * is answered.
   */
  take(maxOrders: number): BatchEntry[] {
    const entries = this.#backlogs.take(maxOrders);
    for (const { order, waiting } of entries) {
      this.#takenOf.set(order.orderId, waiting.length);
      for (const waitingOrder of waiting) this.#taken.add(waitingOrder);
    }
    return entries;
  }

  /**
   * Puts taken orders back to the front of their stores, for another try. Orders answered meanwhile
   * stay out.
   */
  putBack(waiting: readonly WaitingOrder[]): void {
    this.#backlogs.addFirst(waiting.filter((waitingOrder) => this.#unmark(waitingOrder)));
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
    const leaving = this.#backlogs.remove(which);
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

  /** False when the order was not taken, or has been answered since. */
  #unmark(waitingOrder: WaitingOrder): boolean {
    if (!this.#taken.delete(waitingOrder)) return false;
    const { orderId } = waitingOrder.order;
    const left = (this.#takenOf.get(orderId) ?? 0) - 1;
    if (left > 0) this.#takenOf.set(orderId, left);
    else {
      this.#takenOf.delete(orderId);
      this.#backlogs.release(orderId);
    }
    return true;
  }

  #release({ order, answer: tell }: WaitingOrder, answer: Answer): void {
    this.#bytes -= bytesOf(order);
    tell(answer);
  }
}
