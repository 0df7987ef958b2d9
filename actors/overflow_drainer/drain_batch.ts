/**
 * One step of the drain: a batch out of the overflow buffer, through the same commit as any other,
 * and out of the buffer only after COMMIT.
 *
 * Whatever dies in between, the batch is still in the buffer, and committing it again adds nothing.
 * An order that the database refuses for its content becomes a dead letter, and so does one whose
 * key holds other content: both were acknowledged as `spilled`, so both are kept.
 */
import { MAX_BATCH_LINES } from "../../sql/orders/batch.ts";
import type { NewOrder } from "../../sql/orders/new_order.ts";
import { type Commit, commitApart } from "../order_writer/bisect.ts";
import type { Failure } from "../../sql/connection/failure.ts";

/** An order that waits in the buffer; the entry is the buffer's own business. */
export interface Spilled {
  readonly order: NewOrder;
}

export interface DrainSource<Entry extends Spilled> {
  /** The next orders for this instance, at most one per order id; the same ones until removed. */
  take(): Promise<readonly Entry[]>;
  remove(entries: readonly Entry[]): Promise<void>;
}

export interface DrainStore {
  readonly commit: Commit;
  /** Keeps an order that cannot be committed as a dead letter. */
  park(order: NewOrder, reason: "rejected" | "conflict", code: string): Promise<string>;
}

export interface DrainReport {
  /** Orders that have left the buffer. */
  readonly drained: number;
  /** Those of them that were committed now. */
  readonly newOrders: number;
  /** Those of them that became dead letters. */
  readonly parked: number;
}

/** The database did not take what was drained; it stays in the buffer. */
export class DrainFailed extends Error {
  /** @param orders how many the batch had. */
  constructor(readonly failure: Failure, readonly orders: number) {
    super(`the overflow was not drained: ${failure.code}`);
    this.name = "DrainFailed";
  }
}

/** Drains a batch of at most `maxOrders` orders. @throws DrainFailed, or what the buffer throws. */
export async function drainBatch<Entry extends Spilled>(
  source: DrainSource<Entry>,
  store: DrainStore,
  maxOrders: number,
): Promise<DrainReport> {
  const entries = oneBatch(await source.take(), maxOrders);
  if (entries.length === 0) return { drained: 0, newOrders: 0, parked: 0 };
  const outcome = await commitApart(store.commit, entries.map(({ order }) => order));
  const done: Entry[] = [];
  let newOrders = 0;
  let parked = 0;
  for (const entry of entries) {
    const { order } = entry;
    const row = outcome.stored.get(order.orderId);
    const fault = outcome.atFault.get(order.orderId);
    if (row === undefined && fault === undefined) continue;
    if (fault !== undefined) await store.park(order, "rejected", fault.code);
    else if (row?.contentHash !== order.contentHash) await store.park(order, "conflict", CONFLICT);
    if (fault !== undefined || row?.contentHash !== order.contentHash) parked++;
    if (row?.isNew === true) newOrders++;
    done.push(entry);
  }
  if (done.length > 0) await source.remove(done);
  if (outcome.failure !== null) throw new DrainFailed(outcome.failure, entries.length);
  return { drained: done.length, newOrders, parked };
}

/** Those that one batch may have; the others are taken again with the next one. */
function oneBatch<Entry extends Spilled>(
  entries: readonly Entry[],
  maxOrders: number,
): readonly Entry[] {
  let lines = 0;
  const end = entries.findIndex(({ order }) => (lines += order.lineCount) > MAX_BATCH_LINES);
  return entries.slice(0, end === -1 ? maxOrders : Math.min(end, maxOrders));
}

/** What a letter's code says of a conflict, which has no SQLSTATE. */
const CONFLICT = "idempotency_mismatch";
