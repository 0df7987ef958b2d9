/**
 * One group commit: takes a batch out of the mailbox, commits it, and answers every caller.
 *
 * What an answer may say is decided here: `committed` only after the store said so; a refusal only
 * when surely nothing was stored. An order at fault is parked as a dead letter. After any other
 * failure the orders go back to the mailbox, marked when they may have been stored, and the machine
 * decides what becomes of them.
 */
import type { NewOrder } from "../sql/order.ts";
import type { StoredOrder } from "../sql/batch.ts";
import { type Commit, commitApart, type CommitOutcome } from "./bisect.ts";
import { classify, type Failure } from "./failure.ts";
import type { Acknowledgement, Answer, Mailbox, Parcel } from "./mailbox.ts";
import { IDEMPOTENCY_MISMATCH, rejected, unlessStored } from "./order_refusals.ts";

/** Where batches go. */
export interface OrderStore {
  readonly commit: Commit;
  /** Parks an order that is at fault. @returns the id of its dead letter. */
  park(order: NewOrder, code: string): Promise<string>;
}

/** What became of a batch. */
export interface BatchReport {
  /** Orders sent to the store, new or not. */
  readonly orders: number;
  /** Orders that were not there before. */
  readonly newOrders: number;
  /** From the first statement to the last answer, milliseconds. */
  readonly commitMs: number;
  /** Why the batch, or what was left of it, went back to the mailbox; null when all was answered. */
  readonly failure: Failure | null;
}

/**
 * Commits at most `maxOrders` waiting orders. With none waiting it still asks the store to commit an
 * empty batch, which is how a half-open circuit probes without an order. Never rejects for what the
 * store throws; the report says it.
 */
export async function groupCommit(
  mailbox: Mailbox,
  store: OrderStore,
  maxOrders: number,
  now: () => number,
): Promise<BatchReport> {
  const begunAt = now();
  const parcels = mailbox.take(maxOrders);
  const outcome = await commitApart(store.commit, parcels.map((parcel) => parcel.order));
  let newOrders = 0;
  let { failure } = outcome;
  for (const parcel of parcels) {
    const { orderId } = parcel.order;
    const row = outcome.stored.get(orderId);
    const fault = outcome.atFault.get(orderId);
    if (row !== undefined) {
      if (row.isNew) newOrders++;
      answerStored(mailbox, parcel, row);
    } else if (fault !== undefined) {
      failure = await answerAtFault(mailbox, store, parcel, fault) ?? failure;
    } else putBack(mailbox, parcel, outcome);
  }
  return { orders: parcels.length, newOrders, commitMs: now() - begunAt, failure };
}

function answerStored(mailbox: Mailbox, { order, letters }: Parcel, row: StoredOrder): void {
  letters.forEach((letter, index) =>
    mailbox.settle(letter, answerOf(order, row, row.isNew && index === 0))
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

/** @returns why the order could not be parked, and is back in the mailbox; null when it is. */
async function answerAtFault(
  mailbox: Mailbox,
  store: OrderStore,
  { order, letters }: Parcel,
  { code }: Failure,
): Promise<Failure | null> {
  try {
    const deadLetterId = await store.park(order, code);
    for (const letter of letters) {
      mailbox.settle(letter, unlessStored(letter, rejected(code, deadLetterId)));
    }
    return null;
  } catch (error) {
    mailbox.putBack(letters);
    return classify(error);
  }
}

function putBack(mailbox: Mailbox, { order, letters }: Parcel, outcome: CommitOutcome): void {
  if (outcome.failed.has(order.orderId) && outcome.failure?.outcome === "unknown") {
    for (const letter of letters) letter.maybeStored = true;
  }
  mailbox.putBack(letters);
}
