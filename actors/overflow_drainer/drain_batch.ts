/**
 * One step of the drain: takes a batch of orders from the overflow, commits it like any other batch,
 * and removes it from the overflow only after COMMIT.
 *
 * If anything dies before the removal, the batch is still in the overflow, and committing it again
 * adds nothing. An order that the database refuses for its content becomes a dead letter. So does an
 * order whose key holds other content. Both were acknowledged as `spilled`, so both are kept.
 *
 * Tested in tests/actors/overflow_drainer/overflow_drainer_test.ts.
 */
import { MAX_BATCH_LINES } from "../../sql/orders/batch.ts";
import type { NewOrder } from "../../sql/orders/new_order.ts";
import type { LetterCause } from "../../sql/orders/dead_letters.ts";
import { type Commit, commitApart } from "../order_writer/bisect.ts";
import type { Failure } from "../../sql/connection/failure.ts";

/** An order that waits in the overflow. The overflow's entries have more, which only it reads. */
export interface Spilled {
  readonly order: NewOrder;
}

export interface DrainSource<Entry extends Spilled> {
  /**
   * The next orders for this instance, at most one for each order id. Until they are removed, each call
   * returns the same orders.
   */
  take(): Promise<readonly Entry[]>;
  remove(entries: readonly Entry[]): Promise<void>;
}

export interface DrainStore {
  readonly commit: Commit;
  /** Keeps an order that cannot be committed as a dead letter. */
  park(order: NewOrder, cause: LetterCause): Promise<unknown>;
}

export interface DrainReport {
  /** Orders that have left the overflow. */
  readonly drained: number;
  /** Drained orders that were not in the database before. */
  readonly newOrders: number;
  /** Drained orders that became dead letters. */
  readonly parked: number;
}

/** The database did not take the batch. Its orders stay in the overflow. */
export class DrainFailed extends Error {
  override readonly name = "DrainFailed";

  /** @param orders how many the batch had. */
  constructor(readonly failure: Failure, readonly orders: number) {
    super(`the overflow was not drained: ${failure.code}`);
  }
}

/** Drains a batch of at most `maxOrders` orders. @throws DrainFailed, or the overflow's error. */
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
    if (fault !== undefined) await store.park(order, { reason: "rejected", rule: fault });
    else if (row?.contentHash !== order.contentHash) {
      await store.park(order, { reason: "conflict" });
    }
    if (fault !== undefined || row?.contentHash !== order.contentHash) parked++;
    if (row?.isNew === true) newOrders++;
    done.push(entry);
  }
  if (done.length > 0) await source.remove(done);
  if (outcome.failure !== null) throw new DrainFailed(outcome.failure, entries.length);
  return { drained: done.length, newOrders, parked };
}

/** As many entries as one batch may have. The next batch takes the others. */
function oneBatch<Entry extends Spilled>(
  entries: readonly Entry[],
  maxOrders: number,
): readonly Entry[] {
  let lines = 0;
  const end = entries.findIndex(({ order }) => (lines += order.lineCount) > MAX_BATCH_LINES);
  return entries.slice(0, end === -1 ? maxOrders : Math.min(end, maxOrders));
}
