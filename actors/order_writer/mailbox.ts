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
export interface Letter {
  readonly order: NewOrder;
  /** By the writer's clock, milliseconds. */
  readonly deadlineAt: number;
  readonly answer: (answer: Answer) => void;
  /** True once it was sent and no definite answer came: from then on it is never refused. */
  maybeStored: boolean;
}

/** All waiting letters of one order and one content: one row for the database. */
export interface Parcel {
  readonly order: NewOrder;
  readonly letters: readonly Letter[];
}

export interface MailboxBounds {
  readonly maxOrders: number;
  readonly maxBytes: number;
}

/** What an order weighs beside its texts: the objects, the promise, the map entries. */
const OVERHEAD_BYTES = 512;

export class Mailbox {
  #waiting: Letter[] = [];
  readonly #taken = new Set<Letter>();
  /** How many taken letters each order has. */
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

  /** Takes a letter in; false, and nothing has changed, when it would pass a bound. */
  offer(letter: Letter): boolean {
    const bytes = bytesOf(letter.order);
    const orders = this.#waiting.length + this.#taken.size;
    if (orders >= this.bounds.maxOrders || this.#bytes + bytes > this.bounds.maxBytes) return false;
    this.#waiting.push(letter);
    this.#bytes += bytes;
    this.#lines += letter.order.lineCount;
    return true;
  }

  /** True when `take` would take something. */
  canTake(): boolean {
    return this.#waiting.some((letter) => !this.#takenOf.has(letter.order.orderId));
  }

  /**
   * Takes the oldest letters out for a batch of at most `maxOrders` orders, and of no more lines than
   * a batch may have. Letters with the same order and content travel together; one with other content
   * under the same key waits until they are answered, so that of two contents the first to come is
   * the first to be stored.
   */
  take(maxOrders: number): Parcel[] {
    const parcels = new Map<string, { order: NewOrder; letters: Letter[] }>();
    const left: Letter[] = [];
    let index = 0;
    let lines = 0;
    for (; index < this.#waiting.length && parcels.size < maxOrders; index++) {
      const letter = this.#waiting[index]!;
      const { orderId, contentHash } = letter.order;
      const parcel = parcels.get(orderId);
      if (parcel === undefined && this.#takenOf.has(orderId)) {
        left.push(letter);
      } else if (parcel === undefined) {
        lines += letter.order.lineCount;
        if (lines > MAX_BATCH_LINES) break; // never at the first: an order has far fewer
        parcels.set(orderId, { order: letter.order, letters: [letter] });
      } else if (parcel.order.contentHash === contentHash) {
        parcel.letters.push(letter);
      } else {
        left.push(letter);
      }
    }
    for (const { letters } of parcels.values()) {
      letters.forEach((letter) => this.#mark(letter));
      this.#lines -= linesOf(letters);
    }
    this.#waiting = [...left, ...this.#waiting.slice(index)];
    return [...parcels.values()];
  }

  /** Puts taken letters back to the front, for another try. Ones answered meanwhile stay out. */
  putBack(letters: readonly Letter[]): void {
    const still = letters.filter((letter) => this.#unmark(letter));
    this.#waiting = [...still, ...this.#waiting];
    this.#lines += linesOf(still);
  }

  /** Answers taken letters. Ones answered before keep their first answer. */
  settle(letter: Letter, answer: Answer): void {
    if (this.#unmark(letter)) this.#release(letter, answer);
  }

  /** Answers the waiting letters that `which` picks. */
  dismiss(which: (letter: Letter) => boolean, answerOf: (letter: Letter) => Answer): number {
    const leaving = this.#waiting.filter(which);
    if (leaving.length === 0) return 0;
    this.#waiting = this.#waiting.filter((letter) => !which(letter));
    this.#lines -= linesOf(leaving);
    for (const letter of leaving) this.#release(letter, answerOf(letter));
    return leaving.length;
  }

  /** Answers the taken letters that `which` picks; what becomes of their batch is not heard. */
  giveUp(which: (letter: Letter) => boolean, answer: Answer): void {
    for (const letter of [...this.#taken].filter(which)) this.settle(letter, answer);
  }

  /** Answers everything, waiting or taken: the last thing that happens here. */
  dismissAll(answerOf: (letter: Letter, taken: boolean) => Answer): number {
    const taken = [...this.#taken];
    for (const letter of taken) this.settle(letter, answerOf(letter, true));
    return taken.length + this.dismiss(() => true, (letter) => answerOf(letter, false));
  }

  #mark(letter: Letter): void {
    const { orderId } = letter.order;
    this.#taken.add(letter);
    this.#takenOf.set(orderId, (this.#takenOf.get(orderId) ?? 0) + 1);
  }

  /** False when the letter was not taken, or has been answered since. */
  #unmark(letter: Letter): boolean {
    if (!this.#taken.delete(letter)) return false;
    const { orderId } = letter.order;
    const left = (this.#takenOf.get(orderId) ?? 0) - 1;
    if (left > 0) this.#takenOf.set(orderId, left);
    else this.#takenOf.delete(orderId);
    return true;
  }

  #release(letter: Letter, answer: Answer): void {
    this.#bytes -= bytesOf(letter.order);
    letter.answer(answer);
  }
}

function linesOf(letters: readonly Letter[]): number {
  return letters.reduce((lines, { order }) => lines + order.lineCount, 0);
}

function bytesOf(order: NewOrder): number {
  return OVERHEAD_BYTES + order.linesJson.length + order.metadataJson.length +
    order.idempotencyKey.length + (order.customerRef?.length ?? 0);
}
