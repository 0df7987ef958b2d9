/** The times of the outbox's sender, in simulated time. */
import { assertEquals } from "@std/assert";
import { TRPCClientError } from "@trpc/client";
import { type FailureReason, memoryStore, prepareOrder, WeirError } from "../../../client/mod.ts";
import type { Attempt } from "../../../client/orders/attempt.ts";
import type { Acknowledgement } from "../../../client/mod.ts";
import { newEntry, type OutboxEntry } from "../../../client/outbox/entry.ts";
import { KeptEntries } from "../../../client/outbox/kept_entries.ts";
import type { OutboxStore } from "../../../client/outbox/outbox_store.ts";
import { Sender } from "../../../client/outbox/sender.ts";
import { ManualClock } from "../../support/doubles/client_clock.ts";
import { anInput } from "../../support/load/orders.ts";

interface StageOptions {
  readonly orders?: number;
  readonly store?: OutboxStore;
}

/** A sender with entries, and the times of its tries. */
async function stage(
  answer: (orderId: string) => Attempt<Acknowledgement>,
  { orders = 1, store = memoryStore() }: StageOptions = {},
) {
  const clock = new ManualClock();
  const online = new Set<() => void>();
  const triedAt: number[] = [];
  const sender = new Sender({
    clock,
    isOnce: true,
    tryOnce: async (order, onTurn) => {
      await onTurn();
      triedAt.push(clock.now());
      return answer(prepareOrder(order).orderId);
    },
    onOnline: (listener) => {
      online.add(listener);
      return () => online.delete(listener);
    },
  });
  const kept = new KeptEntries(store, 100, () => undefined);
  const ids: string[] = [];
  for (let one = 0; one < orders; one++) {
    const entry = newEntry(prepareOrder(anInput()), "2026-11-28T10:00:00.000Z");
    ids.push((await kept.insert(entry)).orderId);
  }
  const closing = new AbortController();
  const blocks: (string | undefined)[] = [];
  const blocked = (error: WeirError | null) => void blocks.push(error?.reason);
  const running = sender.run({ kept, blocked }, closing.signal);
  await clock.settle();
  return {
    clock,
    triedAt,
    kept,
    blocks,
    ids,
    entry: () => kept.get(ids[0]!)!,
    goOnline: async () => {
      online.forEach((listener) => listener());
      await clock.settle();
    },
    close: async () => {
      closing.abort();
      sender.wake();
      await running;
      assertEquals([clock.timers, online.size], [0, 0]);
    },
  };
}

const failing = (reason: FailureReason, retryAfterMs?: number) => () => ({
  ok: false as const,
  error: new WeirError(reason, reason, retryAfterMs === undefined ? {} : { retryAfterMs }),
});

function acknowledged(status: "spilled" | "committed"): Attempt<Acknowledgement> {
  const orderId = "an-id";
  const placedAt = "2026-11-28T10:00:00.000Z";
  return {
    ok: true,
    result: { orderId, status, replayed: false, totalMinor: 1, currency: "EUR", placedAt },
  };
}

Deno.test("a sender waits longer after each failure, and at once tries what waits when it is online", async () => {
  const { clock, triedAt, entry, goOnline, close } = await stage(failing("no_answer"));
  assertEquals([triedAt, entry().state], [[0], "unknown"]);
  await clock.advance(1_500);
  assertEquals(triedAt, [0, 100, 300, 700, 1_500]);
  await clock.advance(60_000);
  await clock.advance(600_000);
  const waits = triedAt.slice(1).map((at, index) => at - triedAt[index]!);
  assertEquals(waits.slice(4, 11), [1_600, 3_200, 6_400, 12_800, 25_600, 51_200, 60_000]);
  assertEquals(Math.max(...waits), 60_000);
  const before = triedAt.length;
  await clock.advance(100);
  await goOnline();
  assertEquals([triedAt.length, triedAt.at(-1)], [before + 1, clock.now()]);
  await close();
});

Deno.test("a sender gives a refused key some seconds", async () => {
  const { clock, triedAt, entry, close } = await stage(failing("unauthenticated"));
  await clock.advance(5_000);
  assertEquals([triedAt, entry().state], [[0], "waiting"]);
  await clock.advance(100);
  assertEquals(triedAt, [0, 5_100]);
  await close();
});

Deno.test("a sender asks about a spilled order seldom, until it is committed", async () => {
  let status: "spilled" | "committed" = "spilled";
  const { clock, triedAt, entry, close } = await stage(() => acknowledged(status));
  await clock.advance(200_000);
  assertEquals(triedAt, [0, 2_000, 6_000, 14_000, 30_000, 62_000, 122_000, 182_000]);
  assertEquals([entry().state, entry().tries], ["spilled", 1]);
  status = "committed";
  await clock.advance(60_000);
  assertEquals(entry().state, "committed");
  const tries = triedAt.length;
  await clock.advance(600_000);
  assertEquals(triedAt.length, tries);
  await close();
});

Deno.test("orders without a network try one at a time, and a success lets the rest go", async () => {
  let isOnline = false;
  const { clock, triedAt, kept, goOnline, close } = await stage(
    () => isOnline ? acknowledged("committed") : failing("no_answer")(),
    { orders: 1_000 },
  );
  assertEquals(triedAt, Array(50).fill(0), "those that were under way when it was noticed");
  await clock.advance(3_600_000);
  const perHour = triedAt.length - 50;
  assertEquals(perHour > 55 && perHour < 75, true, `${perHour} tries in an hour`);
  const tries = [...kept.values()].map((entry) => entry.tries);
  assertEquals(Math.max(...tries), 1, "each time another one");
  isOnline = true;
  await goOnline();
  await clock.advance(1);
  assertEquals([...kept.values()].every(({ state }) => state === "committed"), true);
  await close();
});

Deno.test("an order that never gets an answer does not keep the others from going", async () => {
  let poison = "";
  const { clock, kept, ids, close } = await stage(
    (orderId) => orderId === poison ? failing("no_answer")() : failing("queue_full", 1_000)(),
    { orders: 3 },
  );
  poison = ids[0]!;
  await clock.advance(60_000);
  const [first, ...others] = ids.map((id) => kept.get(id)!.tries);
  assertEquals(others.every((tries) => tries > 8), true, `${others}`);
  assertEquals(first! > 8, true, `${first}`);
  await close();
});

/** A store in memory that fails to do some things. */
function failingStore(fails: (next: OutboxEntry) => boolean) {
  const base = memoryStore();
  const puts: number[] = [];
  let reads = 0;
  const state = { failingReads: 0 };
  const store: OutboxStore = {
    ...base,
    load: () => {
      reads++;
      return state.failingReads-- > 0 ? Promise.reject(new Error("no read")) : base.load();
    },
    update: async (orderId, next) => {
      const [known] = (await base.load()).filter((entry) => entry.orderId === orderId);
      puts.push(reads);
      if (known !== undefined && fails(next(known))) throw new Error("it is full");
      return await base.update(orderId, next);
    },
  };
  return { base, store, puts, state };
}

Deno.test("a result that the store cannot keep is shown, kept later, and the order not sent again", async () => {
  let isFull = true;
  const { base, store, puts } = failingStore(({ state }) => isFull && state === "committed");
  const { clock, triedAt, entry, kept, close } = await stage(() => acknowledged("committed"), {
    store,
  });
  assertEquals([triedAt, entry().state, kept.failure?.message], [[0], "committed", "it is full"]);
  await clock.advance(600_000);
  assertEquals([triedAt, kept.failure?.message], [[0], "it is full"]);
  assertEquals(puts.length < 30, true, `${puts.length} tries to keep it`);
  isFull = false;
  await clock.advance(60_000);
  assertEquals([(await base.load())[0]?.state, kept.failure], ["committed", null]);
  await close();
});

Deno.test("a sender outlives a store that fails at its beginning, and sends what is added later", async () => {
  let failures = 2;
  const { base, store, state } = failingStore(({ state }) => state === "unknown" && failures-- > 0);
  const orphan = newEntry(prepareOrder(anInput()), "2026-11-28T09:00:00.000Z");
  await base.insert({ ...orphan, state: "sent", tries: 1 });
  state.failingReads = 1;
  const { clock, kept, close } = await stage(() => acknowledged("committed"), { store });
  await clock.advance(10_000);
  const states = [...kept.values()].map((entry) => entry.state);
  assertEquals([states, kept.failure], [["committed", "committed"], null]);
  await close();
});

Deno.test("an order that the store cannot mark as sent does not leave, and goes when it can", async () => {
  let isFull = true;
  const { store } = failingStore(({ state }) => isFull && state === "sent");
  const { clock, triedAt, entry, kept, close } = await stage(() => acknowledged("committed"), {
    store,
  });
  await clock.advance(60_000);
  assertEquals([triedAt, entry().state], [[], "waiting"]);
  assertEquals(kept.failure?.message, "it is full");
  isFull = false;
  await clock.advance(60_000);
  assertEquals([triedAt.length, entry().state, kept.failure], [1, "committed", null]);
  await close();
});

Deno.test("a sender that never connects pauses all orders, and does not take it for a missing token", async () => {
  const error = new WeirError("no_connection", "refused", {}, {
    cause: new TRPCClientError("fetch failed"),
  });
  const { clock, triedAt, blocks, close } = await stage(() => ({ ok: false, error }), {
    orders: 100,
  });
  await clock.advance(60_000);
  assertEquals([triedAt.length < 65, blocks], [true, []]);
  await close();
});

Deno.test("a sender tells that it has no token, until a call goes through", async () => {
  let isThere = false;
  const { clock, triedAt, blocks, close } = await stage(() =>
    isThere ? acknowledged("committed") : failing("no_token")()
  );
  await clock.advance(5_000);
  assertEquals([triedAt.length <= 2, blocks.at(-1)], [true, "no_token"]);
  isThere = true;
  await clock.advance(60_000);
  assertEquals(blocks.at(-1), undefined);
  await close();
});
