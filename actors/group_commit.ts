/**
 * One group commit: takes a batch out of the mailbox, commits it, and answers every caller.
 *
 * What an answer may say is decided here: `committed` only after the store said so; a refusal only
 * when surely nothing was stored. A batch refused for its data is taken apart until the order at
 * fault stands alone, so its neighbours commit. After any other failure the orders go back to the
 * mailbox, marked when they may have been stored, and the machine decides what becomes of them.
 */
import type { NewOrder } from "../sql/order.ts";
import type { StoredOrder } from "../sql/batch.ts";
import { classify, type Failure } from "./failure.ts";
import type { Acknowledgement, Answer, Mailbox, Parcel } from "./mailbox.ts";
import { IDEMPOTENCY_MISMATCH, rejected, unlessStored } from "./order_refusals.ts";

/** Where batches go. `commit` resolves after COMMIT, and may be called again with the same. */
export interface OrderStore {
  commit(orders: readonly NewOrder[]): Promise<ReadonlyMap<string, StoredOrder>>;
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

/** A row that is neither inserted nor found was deleted in between: the same again will do. */
const VANISHED: Failure = {
  kind: "contention",
  outcome: "none",
  code: "VANISHED",
  timedOut: false,
};

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
  const groups: Parcel[][] = [parcels];
  let newOrders = 0;
  let failure: Failure | null = null;
  for (let group = groups.pop(); group !== undefined; group = groups.pop()) {
    const result = await commitGroup(mailbox, store, group);
    newOrders += result.newOrders;
    failure = result.failure;
    if (failure === null) continue;
    if (failure.kind !== "data") {
      putBack(mailbox, group, failure);
      for (const rest of groups) putBack(mailbox, rest, null);
      break;
    }
    if (group.length === 1) rejectAlone(mailbox, group[0]!, failure);
    else groups.push(...halves(group));
    failure = null;
  }
  return { orders: parcels.length, newOrders, commitMs: now() - begunAt, failure };
}

async function commitGroup(
  mailbox: Mailbox,
  store: OrderStore,
  group: readonly Parcel[],
): Promise<{ newOrders: number; failure: Failure | null }> {
  let stored: ReadonlyMap<string, StoredOrder>;
  try {
    stored = await store.commit(group.map((parcel) => parcel.order));
  } catch (error) {
    return { newOrders: 0, failure: classify(error) };
  }
  let newOrders = 0;
  let failure: Failure | null = null;
  for (const parcel of group) {
    const row = stored.get(parcel.order.orderId);
    if (row === undefined) {
      failure = VANISHED;
      continue;
    }
    if (row.isNew) newOrders++;
    parcel.letters.forEach((letter, index) =>
      mailbox.settle(letter, answerOf(parcel.order, row, index === 0))
    );
  }
  return { newOrders, failure };
}

function answerOf(order: NewOrder, row: StoredOrder, isFirst: boolean): Answer {
  if (row.contentHash !== order.contentHash) {
    return { ok: false, refusal: IDEMPOTENCY_MISMATCH };
  }
  const acknowledgement: Acknowledgement = {
    orderId: order.orderId,
    status: "committed",
    replayed: !(row.isNew && isFirst),
    totalMinor: order.totalMinor,
    currency: order.currency,
    placedAt: row.placedAt,
  };
  return { ok: true, acknowledgement };
}

function rejectAlone(mailbox: Mailbox, parcel: Parcel, failure: Failure): void {
  for (const letter of parcel.letters) {
    mailbox.settle(letter, unlessStored(letter, rejected(failure.code)));
  }
}

/** `failure` is null for what was never sent. */
function putBack(mailbox: Mailbox, group: readonly Parcel[], failure: Failure | null): void {
  const letters = group.flatMap((parcel) => parcel.letters);
  if (failure?.outcome === "unknown") {
    for (const letter of letters) letter.maybeStored = true;
  }
  mailbox.putBack(letters);
}

function halves(group: Parcel[]): [Parcel[], Parcel[]] {
  const middle = Math.ceil(group.length / 2);
  return [group.slice(middle), group.slice(0, middle)]; // the first half is popped first
}
