/**
 * The store of an outbox: the place that keeps orders until Weir has them. Anything that can keep JSON
 * and answers when it is safe will do.
 *
 * Tested in tests/client/outbox/stores_test.ts, with each store that ships.
 */
import type { OutboxEntry } from "./entry.ts";

export interface OutboxStore {
  /** Every entry, in the order in which they were added. */
  load(): Promise<OutboxEntry[]>;
  /**
   * Adds an entry, unless its order is there. Resolves with the entry that is kept, when it is safe; rejects
   * when it could not be kept.
   */
  insert(entry: OutboxEntry): Promise<OutboxEntry>;
  /**
   * Replaces the entry of an order by what `next` makes of it, while nobody else changes it. When `next`
   * gives back the same object, or no entry of the order is there, nothing is written. Resolves with the
   * entry that is kept, when it is safe, or undefined for none; rejects when it could not be kept.
   */
  update(
    orderId: string,
    next: (known: OutboxEntry) => OutboxEntry,
  ): Promise<OutboxEntry | undefined>;
  remove(orderIds: readonly string[]): Promise<void>;
  /**
   * Runs `work` while nobody else who shares this store does: one of several tabs sends. Waits for its
   * turn, until the signal aborts.
   */
  asSender(work: () => Promise<void>, signal: AbortSignal): Promise<void>;
  /** Calls back when somebody else may have changed the store. @returns ends that */
  watch(listener: () => void): () => void;
  close(): Promise<void>;
}
