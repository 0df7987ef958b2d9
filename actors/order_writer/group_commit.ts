/**
 * One group commit: takes a batch out of the mailbox, commits it, and answers every caller.
 *
 * This file decides what an answer may say. `committed` is said only after the store has said so. A
 * refusal is said only when nothing can have been stored. An order at fault is parked as a dead
 * letter. If the database refuses that letter and takes other orders, the order is refused: neither
 * other orders nor the circuit may suffer from it. After any other failure the orders go back to the
 * mailbox, marked if they may be stored, and the machine decides what happens to them next.
 *
 * Tested in tests/actors/order_writer/order_writer_test.ts, at_fault_test.ts and circuit_test.ts.
 */
import type { BrokenRule } from "../../client/contract/broken_rule.ts";
import type { NewOrder } from "../../sql/orders/new_order.ts";
import type { StoredOrder } from "../../sql/orders/batch.ts";
import { type Commit, commitApart, type CommitOutcome, takesOrders } from "./bisect.ts";
import { classify, type Failure, isNotSent } from "../../sql/connection/failure.ts";
import type { Mailbox } from "./mailbox/mailbox.ts";
import { IDEMPOTENCY_MISMATCH, notParked, rejected, unlessStored } from "./order_refusals.ts";
import type { BatchEntry } from "./mailbox/waiting_order.ts";
import type { Acknowledgement, Answer } from "../../client/contract/order.ts";

/** The place that batches go to. */
export interface OrderStore {
  readonly commit: Commit;
  /** Parks an order at fault. @returns the id of its dead letter. */
  park(order: NewOrder, rule: BrokenRule): Promise<string>;
}

/** The result of a batch. */
export interface BatchReport {
  /** Orders sent to the store, new or not. */
  readonly orders: number;
  /** Orders that were not there before. */
  readonly newOrders: number;
  /** From the first statement to the last answer, milliseconds. */
  readonly commitMs: number;
  /**
   * The longest call of the store, milliseconds. It tells how the database does. `commitMs` does not:
   * a batch with many orders at fault takes many calls, each as fast as ever.
   */
  readonly longestCallMs: number;
  /** Why orders of the batch went back to the mailbox. Null: every order was answered. */
  readonly failure: Failure | null;
  /** Orders at fault that were refused, because their dead letters were refused as well. */
  readonly notParked: readonly NotParked[];
}

/** An order that is neither stored nor kept as a dead letter. */
export interface NotParked {
  readonly order: NewOrder;
  readonly code: string;
  readonly parkCode: string;
}

/**
 * Commits at most `maxOrders` waiting orders. When no order waits, the store commits an empty
 * batch, because a half-open circuit needs a probe also then. When the store throws, this does not
 * reject: the report has the failure.
 */
export async function groupCommit(
  mailbox: Mailbox,
  untimed: OrderStore,
  maxOrders: number,
  now: () => number,
): Promise<BatchReport> {
  const begunAt = now();
  const store = new TimedStore(untimed, now);
  const entries = mailbox.take(maxOrders);
  const outcome = await commitApart(store.commit, entries.map((entry) => entry.order));
  let newOrders = 0;
  let { failure } = outcome;
  const atFault: BatchEntry[] = [];
  for (const entry of entries) {
    const { orderId } = entry.order;
    const row = outcome.stored.get(orderId);
    if (row !== undefined) {
      if (row.isNew) newOrders++;
      answerStored(mailbox, entry, row);
    } else if (outcome.atFault.has(orderId)) atFault.push(entry);
    else putBack(mailbox, entry, outcome);
  }
  const unparked: NotParked[] = [];
  for (const entry of atFault) { // last, so that no caller waits for another order's dead letter
    failure = await answerAtFault(mailbox, store, entry, { outcome, failure, unparked });
  }
  const { longestCallMs } = store;
  return {
    orders: entries.length,
    newOrders,
    commitMs: now() - begunAt,
    longestCallMs,
    failure,
    notParked: unparked,
  };
}

/** A store that measures its calls. */
class TimedStore implements OrderStore {
  longestCallMs = 0;

  constructor(readonly store: OrderStore, readonly now: () => number) {}

  readonly commit: Commit = (orders) => this.#timed(() => this.store.commit(orders));

  park(order: NewOrder, rule: BrokenRule): Promise<string> {
    return this.#timed(() => this.store.park(order, rule));
  }

  async #timed<T>(call: () => Promise<T>): Promise<T> {
    const begunAt = this.now();
    try {
      return await call();
    } finally {
      this.longestCallMs = Math.max(this.longestCallMs, this.now() - begunAt);
    }
  }
}

function answerStored(mailbox: Mailbox, { order, waiting }: BatchEntry, row: StoredOrder): void {
  waiting.forEach((waitingOrder, index) =>
    mailbox.settle(waitingOrder, answerOf(order, row, row.isNew && index === 0))
  );
}

function answerOf(order: NewOrder, row: StoredOrder, isFirst: boolean): Answer {
  if (row.contentHash !== order.contentHash) return { ok: false, refusal: IDEMPOTENCY_MISMATCH };
  const acknowledgement: Acknowledgement = {
    orderId: order.orderId,
    status: "committed",
    replayed: !isFirst,
    totalMinor: order.totalMinor,
    currency: order.currency,
    placedAt: row.placedAt,
  };
  return { ok: true, acknowledgement };
}

/**
 * Parks an order and answers its callers. After a `failure` the database is not asked again and the
 * order goes back to the mailbox. @returns the failure, the earlier one or a new one.
 */
async function answerAtFault(
  mailbox: Mailbox,
  store: OrderStore,
  { order, waiting }: BatchEntry,
  { outcome, failure, unparked }: {
    readonly outcome: CommitOutcome;
    readonly failure: Failure | null;
    readonly unparked: NotParked[];
  },
): Promise<Failure | null> {
  if (failure !== null) {
    mailbox.putBack(waiting);
    return failure;
  }
  const rule = outcome.atFault.get(order.orderId)!;
  try {
    const deadLetterId = await store.park(order, rule);
    for (const waitingOrder of waiting) {
      mailbox.settle(waitingOrder, unlessStored(waitingOrder, rejected(rule, deadLetterId)));
    }
    return null;
  } catch (error) {
    const parkFailure = classify(error);
    if (mayLast(parkFailure) && await takesOrders(store.commit)) {
      const refusal = notParked(rule.code, parkFailure.code);
      for (const waitingOrder of waiting) {
        mailbox.settle(waitingOrder, unlessStored(waitingOrder, refusal));
      }
      unparked.push({ order, code: rule.code, parkCode: parkFailure.code });
      return null;
    }
    mailbox.putBack(waiting);
    return parkFailure;
  }
}

/** True for an answer that another try may get again, such as a missing right. */
function mayLast(failure: Failure): boolean {
  const { kind, outcome } = failure;
  return outcome === "none" && (kind === "infrastructure" || kind === "data") &&
    !isNotSent(failure);
}

function putBack(mailbox: Mailbox, { order, waiting }: BatchEntry, outcome: CommitOutcome): void {
  if (outcome.failed.has(order.orderId) && outcome.failure?.outcome === "unknown") {
    for (const waitingOrder of waiting) waitingOrder.maybeStored = true;
  }
  mailbox.putBack(waiting);
}
