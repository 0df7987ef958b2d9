/**
 * One step of the drain: takes a batch of orders from the overflow, commits it like any other batch,
 * and removes it from the overflow only after COMMIT.
 *
 * If anything dies before the removal, the batch is still in the overflow, and committing it again
 * adds nothing. An order that the database refuses for its content becomes a dead letter. So does an
 * order whose key holds other content. Both were acknowledged as `spilled`, so both are kept.
 *
 * An order that can neither be stored nor become a dead letter is set aside in the overflow, and is
 * tried again later. The others do not wait for it: stored orders are removed before anything is
 * done about the rest.
 *
 * Tested in tests/actors/overflow_drainer/overflow_drainer_test.ts and set_aside_test.ts.
 */
import { bulkOf, MAX_BATCH_BULK } from "../../sql/orders/batch.ts";
import type { NewOrder } from "../../sql/orders/new_order.ts";
import type { LetterCause } from "../../sql/orders/dead_letters.ts";
import { type Commit, takesOrders } from "../order_writer/bisect.ts";
import { classify, type Failure } from "../../sql/connection/failure.ts";
import { type AroundOutcome, commitAround } from "./commit_around.ts";

/** An order that waits in the overflow. The overflow's entries have more, which only it reads. */
export interface Spilled {
  readonly order: NewOrder;
}

export interface DrainSource<Entry extends Spilled> {
  /** The next orders for this instance. Until they are removed, each call returns them again. */
  take(): Promise<readonly Entry[]>;
  remove(entries: readonly Entry[]): Promise<void>;
  /** Puts these orders behind all others, for a time. @returns how many; 0 when that fails */
  setAside(stuck: readonly Stuck<Entry>[]): Promise<number>;
}

/** An order that can neither be stored nor become a dead letter. */
export interface Stuck<Entry extends Spilled> {
  readonly entry: Entry;
  /** The code of the failure to store it. */
  readonly code: string;
  /** The code of the failure to park it; null: the failure is not one for a dead letter. */
  readonly parkCode: string | null;
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
  /** Orders that stay in the overflow, set aside. */
  readonly setAside: number;
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
  if (entries.length === 0) return { drained: 0, newOrders: 0, parked: 0, setAside: 0 };
  const outcome = await commitAround(store.commit, entries.map(({ order }) => order));
  const sorted = sort(entries, outcome);
  const { stored, wrong } = sorted;
  if (stored.length > 0) await source.remove(stored);
  const { parked, stuck, failure } = await parkAll(store, wrong);
  if (parked.length > 0) await source.remove(parked);
  const aside = [...sorted.stuck, ...stuck];
  const setAside = aside.length === 0 ? 0 : await source.setAside(aside);
  const outage = outcome.failure ?? failure;
  if (outage !== null) throw new DrainFailed(outage, entries.length);
  return {
    drained: stored.length + parked.length,
    newOrders: [...outcome.stored.values()].filter(({ isNew }) => isNew).length,
    parked: parked.length,
    setAside,
  };
}

/** An order for a dead letter. */
interface Wrong<Entry extends Spilled> {
  readonly entry: Entry;
  readonly cause: LetterCause;
}

interface Sorted<Entry extends Spilled> {
  readonly stored: Entry[];
  readonly wrong: Wrong<Entry>[];
  readonly stuck: Stuck<Entry>[];
}

/** Sorts entries by what became of them. An entry that was not tried is nowhere. */
function sort<Entry extends Spilled>(
  entries: readonly Entry[],
  outcome: AroundOutcome,
): Sorted<Entry> {
  const sorted: Sorted<Entry> = { stored: [], wrong: [], stuck: [] };
  for (const entry of entries) {
    const { orderId, contentHash } = entry.order;
    const row = outcome.stored.get(orderId);
    const fault = outcome.atFault.get(orderId);
    const failure = outcome.stuck.get(orderId);
    if (fault !== undefined) {
      sorted.wrong.push({ entry, cause: { reason: "rejected", rule: fault } });
    } else if (failure !== undefined) {
      sorted.stuck.push({ entry, code: failure.code, parkCode: null });
    } else if (row !== undefined && row.contentHash !== contentHash) {
      sorted.wrong.push({ entry, cause: { reason: "conflict" } });
    } else if (row !== undefined) sorted.stored.push(entry);
  }
  return sorted;
}

interface ParkOutcome<Entry extends Spilled> {
  readonly parked: Entry[];
  /** The orders that could not be parked although the database stores other orders. */
  readonly stuck: Stuck<Entry>[];
  /** The failure of a database that stores nothing; the orders behind it were not tried. */
  readonly failure: Failure | null;
}

async function parkAll<Entry extends Spilled>(
  store: DrainStore,
  wrong: readonly Wrong<Entry>[],
): Promise<ParkOutcome<Entry>> {
  const parked: Entry[] = [];
  const stuck: Stuck<Entry>[] = [];
  for (const { entry, cause } of wrong) {
    try {
      await store.park(entry.order, cause);
      parked.push(entry);
    } catch (error) {
      // A smaller batch would not help, so a time-out of parking does not shrink the next one.
      const failure = { ...classify(error), timedOut: false };
      if (stuck.length === 0 && !await takesOrders(store.commit)) {
        return { parked, stuck, failure };
      }
      const code = cause.reason === "rejected" ? cause.rule.code : cause.reason;
      stuck.push({ entry, code, parkCode: failure.code });
    }
  }
  return { parked, stuck, failure: null };
}

/**
 * As many entries as one batch may have, at most one for each order. The next batch takes the
 * others.
 */
function oneBatch<Entry extends Spilled>(
  entries: readonly Entry[],
  maxOrders: number,
): readonly Entry[] {
  const byOrder = new Map<string, Entry>();
  for (const entry of entries) {
    if (!byOrder.has(entry.order.orderId)) byOrder.set(entry.order.orderId, entry);
  }
  const single = [...byOrder.values()];
  let bulk = 0;
  const end = single.findIndex(({ order }) => (bulk += bulkOf(order.lineCount)) > MAX_BATCH_BULK);
  return single.slice(0, end === -1 ? maxOrders : Math.min(Math.max(1, end), maxOrders));
}
