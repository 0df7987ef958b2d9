/** The entries of an outbox beside a store that is slow, fails, or is changed by somebody else. */
import { assertEquals, assertRejects } from "@std/assert";
import { deferred } from "../../../client/deferred.ts";
import { newEntry, type OutboxEntry, sending } from "../../../client/outbox/entry.ts";
import { KeptEntries } from "../../../client/outbox/kept_entries.ts";
import type { OutboxStore } from "../../../client/outbox/outbox_store.ts";
import { memoryStore, prepareOrder } from "../../../client/mod.ts";
import { anInput } from "../../support/load/orders.ts";

const AT = "2026-11-28T10:00:00.000Z";

function anEntry(): OutboxEntry {
  return newEntry(prepareOrder(anInput()), AT);
}

function keptIn(store: OutboxStore, keepCommitted = 100): KeptEntries {
  return new KeptEntries(store, keepCommitted, () => undefined);
}

Deno.test("a read that is older than a change made here does not undo it, and is not begun anew", async () => {
  const base = memoryStore();
  let reads = 0;
  let gate = deferred<void>();
  const store = {
    ...base,
    load: async () => {
      reads++;
      const entries = await base.load();
      await gate.promise;
      return entries;
    },
  };
  const kept = keptIn(store);
  const [changed, gone, added] = [anEntry(), anEntry(), anEntry()];
  await kept.insert(changed);
  await kept.insert(gone);
  const reading = [kept.reload(), kept.reload()];
  await new Promise((resolve) => setTimeout(resolve));
  const joined = [kept.reload(), kept.reload()];
  for (let one = 0; one < 50; one++) await kept.keep({ ...changed, tries: one });
  await kept.insert(added);
  await kept.remove([gone.orderId]);
  gate.resolve();
  await Promise.all(reading);
  assertEquals([...kept.values()], [{ ...changed, tries: 49 }, added]);
  gate = deferred();
  gate.resolve();
  await Promise.all(joined);
  assertEquals([reads, [...kept.values()].length], [2, 2]);
});

Deno.test("a form that the store could not keep is shown, told, and kept later", async () => {
  const base = memoryStore();
  let isFull = true;
  const store: OutboxStore = {
    ...base,
    update: (orderId, next) =>
      isFull ? Promise.reject(new Error("it is full")) : base.update(orderId, next),
  };
  const kept = keptIn(store);
  const entry = anEntry();
  await kept.insert(entry);
  const committed = { ...sending(entry, AT), state: "committed" as const };
  await assertRejects(() => kept.keep(committed), Error, "it is full");
  assertEquals([kept.get(entry.orderId)?.state, kept.isBehind], ["waiting", false]);
  kept.keepLater(committed);
  await kept.reload();
  assertEquals([kept.get(entry.orderId)?.state, kept.isBehind], ["committed", true]);
  assertEquals(kept.failure?.message, "it is full", "a read mends nothing");
  await assertRejects(() => kept.catchUp(), Error, "it is full");
  isFull = false;
  await kept.catchUp();
  assertEquals([kept.failure, kept.isBehind], [null, false]);
  assertEquals(await base.load(), [committed]);
});

Deno.test("a form that is owed gives way to the end that somebody else has kept", async () => {
  const store = memoryStore();
  const [mine, other] = [keptIn(store), keptIn(store)];
  const entry = anEntry();
  await other.insert(entry);
  await mine.reload();
  mine.keepLater({ ...sending(entry, AT), state: "unknown" });
  await other.keep({ ...sending(entry, AT), state: "committed" });
  await mine.reload();
  assertEquals([mine.get(entry.orderId)?.state, mine.isBehind], ["committed", false]);
});

Deno.test("a read that fails is told, keeps what was known, and is made again", async () => {
  const base = memoryStore();
  let isBroken = false;
  const store = {
    ...base,
    load: () => isBroken ? Promise.reject("it is broken") : base.load(),
  };
  const kept = keptIn(store);
  const entry = anEntry();
  await kept.insert(entry);
  isBroken = true;
  await base.insert(anEntry());
  await assertRejects(async () =>
    await kept.reload().catch((error) => {
      throw new Error(error);
    })
  );
  assertEquals([kept.failure?.message, [...kept.values()]], ["it is broken", [entry]]);
  isBroken = false;
  await kept.catchUp();
  assertEquals([kept.failure, [...kept.values()].length], [null, 2]);
});

Deno.test("committed entries that cannot be taken out make no order fail", async () => {
  const store = { ...memoryStore(), remove: () => Promise.reject(new Error("it is locked")) };
  const kept = keptIn(store, 0);
  const entry = anEntry();
  await kept.insert(entry);
  assertEquals(await kept.keep({ ...entry, state: "committed" }), true);
  assertEquals([kept.failure?.message, kept.isBehind], ["it is locked", false]);
});
