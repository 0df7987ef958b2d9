/**
 * A store in a browser's `localStorage`: small, kept until the user clears it, shared by the tabs of an
 * origin. An entry has a key of its own, so two tabs never write over each other's orders.
 *
 * A browser may write it to its disk a moment later, so an order of the last second can be lost with the
 * power. And two tabs that write the same order within microseconds may not see each other's change; then
 * the later one stays. IndexedDB is the safer one.
 *
 * Tested in tests/client/outbox/stores_test.ts and tests/page/client/outbox_test.ts.
 */
import type { OutboxEntry } from "../entry.ts";
import type { OutboxStore } from "../outbox_store.ts";
import { SharedStore } from "./shared_store.ts";

/** The part of `localStorage` that is used. */
export type WebStorage = Pick<Storage, "length" | "key" | "getItem" | "setItem" | "removeItem">;

/**
 * @param name one outbox of the origin; those who name the same share it.
 * @param storage another storage than `localStorage`.
 */
export function webStorageStore(name = "weir-outbox", storage?: WebStorage): OutboxStore {
  const kept = storage ?? globalThis.localStorage;
  const prefix = `${name}/`;
  const shared = new SharedStore(name);
  const keys = () =>
    Array.from({ length: kept.length }, (_, index) => kept.key(index))
      .filter((key): key is string => key?.startsWith(prefix) === true);
  const write = (entry: OutboxEntry) => {
    kept.setItem(prefix + entry.orderId, JSON.stringify(entry));
    shared.changed();
  };
  return {
    load: () => {
      const entries = keys().flatMap((key) => readEntry(kept.getItem(key)));
      return Promise.resolve(entries.sort((a, b) => a.addedAt < b.addedAt ? -1 : 1));
    },
    insert: (entry) =>
      settled(() => {
        const [known] = readEntry(kept.getItem(prefix + entry.orderId));
        if (known === undefined) write(entry);
        return known ?? entry;
      }),
    update: (orderId, next) =>
      settled(() => {
        const [known] = readEntry(kept.getItem(prefix + orderId));
        if (known === undefined) return undefined;
        const entry = next(known);
        if (entry !== known) write(entry);
        return entry;
      }),
    remove: (orderIds) =>
      settled(() => {
        for (const id of orderIds) kept.removeItem(prefix + id);
        shared.changed();
      }),
    asSender: (work, signal) => shared.asSender(work, signal),
    watch: (listener) => shared.watch(listener),
    close: () => settled(() => shared.close()),
  };
}

/** A text that is no entry was written by somebody else, and is left alone. */
function readEntry(text: string | null): OutboxEntry[] {
  try {
    const entry = JSON.parse(text ?? "null") as OutboxEntry | null;
    return typeof entry?.orderId === "string" && typeof entry.state === "string" ? [entry] : [];
  } catch {
    return [];
  }
}

/** A full storage throws at once; a caller waits for a promise. */
async function settled<T>(work: () => T): Promise<T> {
  return await work();
}
