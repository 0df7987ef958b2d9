/** The stores that ship, each by the same rules. */
import "fake-indexeddb/auto";
import { assertEquals, assertRejects } from "@std/assert";
import { deferred } from "../../../client/deferred.ts";
import { newEntry, type OutboxEntry, sending } from "../../../client/outbox/entry.ts";
import { KeptEntries } from "../../../client/outbox/kept_entries.ts";
import type { OutboxStore } from "../../../client/outbox/outbox_store.ts";
import { fileStore } from "../../../client/outbox/stores/file_store.ts";
import { type Locks, SharedStore } from "../../../client/outbox/stores/shared_store.ts";
import {
  indexedDbStore,
  memoryStore,
  prepareOrder,
  type WebStorage,
  webStorageStore,
} from "../../../client/mod.ts";
import { anInput } from "../../support/load/orders.ts";
import { until, withFolder } from "../../support/services/services.ts";

// Deno loses its receiver when the last channel is closed and another one opened at once.
new BroadcastChannel("stays open");

const AT = "2026-11-28T10:00:00.000Z";
let added = 0;

function anEntry(): OutboxEntry {
  const at = new Date(Date.UTC(2026, 10, 28) + added++).toISOString();
  return newEntry(prepareOrder(anInput({ customerRef: 'ü"\n'.trim() })), at);
}

/** A `localStorage` with room for so many characters. */
function aWebStorage(room = Infinity): WebStorage {
  const kept = new Map<string, string>();
  return {
    get length() {
      return kept.size;
    },
    key: (index) => [...kept.keys()][index] ?? null,
    getItem: (key) => kept.get(key) ?? null,
    setItem: (key, value) => {
      if (value.length > room) throw new DOMException("it is full", "QuotaExceededError");
      kept.set(key, value);
    },
    removeItem: (key) => void kept.delete(key),
  };
}

/** Opens the same store again and again: all but the one in memory keep their entries. */
type Open = () => Promise<OutboxStore> | OutboxStore;

const STORES: Readonly<Record<string, (folder: string) => Open>> = {
  memory: () => {
    const store = memoryStore();
    return () => store;
  },
  "web storage": () => {
    const storage = aWebStorage();
    return () => webStorageStore("a-shop", storage);
  },
  IndexedDB: () => {
    const name = `a-shop-${crypto.randomUUID()}`;
    return () => indexedDbStore(name);
  },
  file: (folder) => () => fileStore(`${folder}/outbox.jsonl`),
};

for (const [name, prepare] of Object.entries(STORES)) {
  Deno.test(`a store of ${name} keeps entries in their order, replaces and removes them`, () =>
    withFolder(async (folder) => {
      const open = prepare(folder);
      let store = await open();
      const entries = [anEntry(), anEntry(), anEntry()] as const;
      for (const entry of entries) assertEquals(await store.insert(entry), entry);
      const other = { ...entries[0], addedAt: "2027-01-01T00:00:00.000Z" };
      assertEquals(await store.insert(other), entries[0], "its order is there");
      const changed = { ...entries[1], state: "spilled" as const, tries: 4 };
      assertEquals(await store.update(changed.orderId, () => changed), changed);
      assertEquals(await store.update(changed.orderId, (known) => known), changed);
      await store.remove([entries[2].orderId]);
      assertEquals(await store.load(), [entries[0], changed]);
      if (name !== "memory") {
        await store.close();
        store = await open();
      }
      assertEquals(await store.load(), [entries[0], changed]);
      await store.remove([entries[0].orderId, entries[1].orderId]);
      assertEquals(await store.load(), []);
      await store.close();
    }));

  Deno.test(`a store of ${name} takes nothing back that it knows, whoever comes late`, () =>
    withFolder(async (folder) => {
      const store = await prepare(folder)();
      const [quick, slow] = [1, 2].map(() => new KeptEntries(store, 100, () => undefined)) as [
        KeptEntries,
        KeptEntries,
      ];
      const [done, gone, refused] = [anEntry(), anEntry(), anEntry()] as const;
      for (const entry of [done, gone, refused]) await quick.insert(entry);
      await slow.reload();
      const sent = sending(done, done.addedAt);
      assertEquals(await quick.keep(sent), true);
      assertEquals(await slow.keep(sent), false, "a try of this number is under way");
      assertEquals(await quick.keep({ ...sent, state: "committed" }), true);
      await quick.remove([gone.orderId]);
      assertEquals(await quick.keep({ ...refused, state: "refused" }), true);

      assertEquals(await slow.keep({ ...sent, state: "waiting" }), false);
      assertEquals(await slow.keep({ ...gone, state: "unknown" }), false);
      assertEquals(await slow.keep(sending(refused, AT)), false);
      const states = [...slow.values()].map(({ state }) => state);
      assertEquals(states, ["committed", "refused"], "the slow one has learnt of it");
      assertEquals((await store.load()).map(({ state }) => state), states);

      assertEquals(await slow.keep({ ...refused, state: "waiting" }), true, "somebody retries");
      assertEquals(await slow.keep(sending(refused, AT)), true);
      await store.close();
    }));

  Deno.test(`a store of ${name} lets its sender work`, () =>
    withFolder(async (folder) => {
      const store = await prepare(folder)();
      let isDone = false;
      await store.asSender(
        () => Promise.resolve(void (isDone = true)),
        new AbortController().signal,
      );
      assertEquals(isDone, true);
      await store.close();
    }));
}

Deno.test("a store that is full rejects, and keeps nothing of the entry", async () => {
  const storage = aWebStorage(10);
  const store = webStorageStore("a-shop", storage);
  const error = await assertRejects(() => store.insert(anEntry()), DOMException);
  assertEquals([error.name, await store.load()], ["QuotaExceededError", []]);
  await store.close();
});

Deno.test("a web storage leaves alone what is not its own", async () => {
  const storage = aWebStorage();
  storage.setItem("another", "1");
  storage.setItem("a-shop/broken", "{");
  const store = webStorageStore("a-shop", storage);
  assertEquals(await store.load(), []);
  assertEquals(storage.length, 2);
  await store.close();
});

Deno.test("tabs hear of each other's changes, and one of them sends", async () => {
  const turns: (() => void)[] = [];
  let isTaken = false;
  const locks: Locks = {
    request: async (_name, { signal }, work) => {
      if (isTaken) {
        const { promise, resolve, reject } = deferred<void>();
        turns.push(resolve);
        signal.addEventListener("abort", () => reject(signal.reason));
        await promise;
      }
      isTaken = true;
      await work();
      isTaken = false;
      turns.shift()?.();
    },
  };
  const name = `tabs-${crypto.randomUUID()}`;
  const [first, second] = [new SharedStore(name, locks), new SharedStore(name, locks)];
  let heard = 0;
  const end = second.watch(() => heard++);
  first.changed();
  await until("the other tab to hear", () => heard === 1);

  const sending = deferred<void>();
  const senders: number[] = [];
  const begin = (one: SharedStore, number: number, work: Promise<void>) =>
    one.asSender(() => (senders.push(number), work), new AbortController().signal);
  const firstDone = begin(first, 1, sending.promise);
  const secondDone = begin(second, 2, Promise.resolve());
  const abort = new AbortController();
  const thirdDone = second.asSender(() => Promise.reject(new Error("never")), abort.signal);
  assertEquals(senders, [1]);
  abort.abort();
  await thirdDone;
  sending.resolve();
  await Promise.all([firstDone, secondDone]);
  assertEquals(senders, [1, 2]);
  end();
  first.close();
  second.close();
});
