/**
 * A store in a browser's IndexedDB: shared by the tabs of an origin, with room for many orders, and on the
 * disk when an order was taken (`durability: "strict"`).
 *
 * Tested in tests/client/outbox/stores_test.ts and tests/page/client/outbox_test.ts.
 */
import { type DBSchema, type IDBPDatabase, openDB } from "idb";
import type { OutboxEntry } from "../entry.ts";
import type { OutboxStore } from "../outbox_store.ts";
import { SharedStore } from "./shared_store.ts";

interface Schema extends DBSchema {
  entries: { key: string; value: OutboxEntry; indexes: { addedAt: string } };
}

const TABLE = "entries";

/** @param name one outbox of the origin; those who name the same share it. */
export function indexedDbStore(name = "weir-outbox"): OutboxStore {
  const shared = new SharedStore(name);
  let opening: Promise<IDBPDatabase<Schema>> | null = null;
  const open = () => opening ??= openDatabase(name, () => opening = null);
  const write = async (work: (table: WriteTable) => Promise<unknown>[]) => {
    const transaction = (await open()).transaction(TABLE, "readwrite", { durability: "strict" });
    await Promise.all([...work(transaction.store), transaction.done]);
    shared.changed();
  };
  return {
    load: async () => await (await open()).getAllFromIndex(TABLE, "addedAt"),
    insert: async (entry) => {
      let kept = entry;
      await write((table) => [
        table.get(entry.orderId).then((known) => {
          kept = known ?? entry;
          return known === undefined ? table.put(entry) : undefined;
        }),
      ]);
      return kept;
    },
    update: async (orderId, next) => {
      let kept: OutboxEntry | undefined;
      await write((table) => [
        table.get(orderId).then((known) => {
          kept = known === undefined ? undefined : next(known);
          return kept === undefined || kept === known ? undefined : table.put(kept);
        }),
      ]);
      return kept;
    },
    remove: (orderIds) => write((table) => orderIds.map((id) => table.delete(id))),
    asSender: (work, signal) => shared.asSender(work, signal),
    watch: (listener) => shared.watch(listener),
    close: async () => {
      shared.close();
      if (opening !== null) (await opening).close();
    },
  };
}

interface WriteTable {
  get(orderId: string): Promise<OutboxEntry | undefined>;
  put(entry: OutboxEntry): Promise<unknown>;
  delete(orderId: string): Promise<unknown>;
}

async function openDatabase(
  name: string,
  onGone: () => void,
): Promise<IDBPDatabase<Schema>> {
  try {
    const database = await openDB<Schema>(name, 1, {
      upgrade: (fresh) => {
        const table = fresh.createObjectStore(TABLE, { keyPath: "orderId" });
        table.createIndex("addedAt", "addedAt");
      },
      // Another tab wants a newer form of the table: it must not wait for this one.
      blocking: (_current, _blocked, event) => {
        (event.target as IDBDatabase).close();
        onGone();
      },
      terminated: onGone,
    });
    return database;
  } catch (error) {
    onGone();
    throw error;
  }
}
