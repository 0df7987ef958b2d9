/** The outbox against a real instance behind a door that loses and refuses, in time that runs faster. */
import { assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { prepareOrder, WeirError } from "../../../client/mod.ts";
import { tryToPlace } from "../../../client/orders/place.ts";
import type { OutboxEntry } from "../../../client/outbox/entry.ts";
import { Outbox } from "../../../client/outbox/outbox.ts";
import type { OutboxStore } from "../../../client/outbox/outbox_store.ts";
import { Sender } from "../../../client/outbox/sender.ts";
import { memoryStore } from "../../../client/outbox/stores/memory_store.ts";
import type { Treatment } from "../../support/client/hostile_door.ts";
import { anInput } from "../../support/load/orders.ts";
import { Random } from "../../support/load/random.ts";
import { until } from "../../support/services/services.ts";
import { type PlacingStage, withPlacing } from "../orders/stage.ts";

const { idempotencyKey: _, ...ORDER } = anInput();

/** An outbox of the stage's client. */
async function open({ placing }: PlacingStage, store: OutboxStore, keepCommitted = 100) {
  const sender = new Sender({
    clock: placing.clock,
    isOnce: placing.transport.isOnce,
    tryOnce: (order, onTurn, signal) =>
      tryToPlace(placing, order, { leftMs: () => Infinity, signal, onTurn }),
    onOnline: () => () => undefined,
  });
  const outbox = new Outbox(store, sender, { store, keepCommitted });
  await outbox.start();
  return { outbox };
}

Deno.test("an order in the outbox is sent, and a listener sees it go its way", () =>
  withPlacing(async (stage) => {
    const { outbox } = await open(stage, memoryStore());
    const seen: string[] = [];
    const end = outbox.subscribe(({ entries }) => {
      const state = entries[0]?.state;
      if (state !== undefined && state !== seen.at(-1)) seen.push(state);
    });
    const added = await outbox.add(ORDER);
    const settled = await outbox.settled(added.orderId);
    assertEquals([seen, settled.acknowledgement?.status], [
      ["waiting", "sent", "committed"],
      "committed",
    ]);
    assertEquals(await stage.rowsOf(added.orderId), 1);
    assertStrictEquals(outbox.getState(), outbox.getState());
    end();
    await outbox.forget(added.orderId);
    assertEquals(outbox.getState().entries, []);
    await outbox.close();
  }));

Deno.test("a listener that throws changes nothing for the order, and its error is heard of", () =>
  withPlacing(async (stage) => {
    const heard: string[] = [];
    const hear = (event: ErrorEvent) => {
      event.preventDefault();
      heard.push((event.error as Error).message);
    };
    globalThis.addEventListener("error", hear);
    try {
      const { outbox } = await open(stage, memoryStore());
      const states = new Set<string | undefined>();
      outbox.subscribe(({ entries }) => {
        if (entries.length > 0) throw new Error("the page cannot show it");
      });
      outbox.subscribe(({ entries }) => states.add(entries[0]?.state));
      const { orderId } = await outbox.add(ORDER);
      const { state, tries } = await outbox.settled(orderId);
      assertEquals([state, tries, outbox.getState().storeFailure], ["committed", 1, null]);
      assertEquals([...states], [undefined, "waiting", "sent", "committed"]);
      await until("its error", () => heard.includes("the page cannot show it"));
      assertEquals(await stage.rowsOf(orderId), 1);
      await outbox.close();
    } finally {
      globalThis.removeEventListener("error", hear);
    }
  }));

Deno.test("a store that does not give the turn to send is told of, and asked again", () =>
  withPlacing(async (stage) => {
    const base = memoryStore();
    let refusals = 2;
    const store: OutboxStore = {
      ...base,
      asSender: (work, signal) =>
        refusals-- > 0 ? Promise.reject(new Error("no lock")) : base.asSender(work, signal),
    };
    const { outbox } = await open(stage, store);
    const failures: (string | undefined)[] = [];
    outbox.subscribe(({ storeFailure }) => failures.push(storeFailure?.message));
    const { orderId } = await outbox.add(ORDER);
    assertEquals((await outbox.settled(orderId)).state, "committed");
    assertEquals([failures.includes("no lock"), outbox.getState().storeFailure], [true, null]);
    await outbox.close();
  }));

Deno.test("an order outlives the sender that was killed, is sent again, and is stored once", () =>
  withPlacing(async (stage) => {
    const store = memoryStore();
    stage.door.treat = () => "lost_after";
    const before = await open(stage, store);
    const { orderId } = await before.outbox.add(ORDER);
    await until("the order in the database", async () => await stage.rowsOf(orderId) === 1);
    // A killed program leaves the store as it is in the middle of a try.
    const [kept] = await store.load();
    await before.outbox.close();
    await store.update(orderId, () => ({ ...kept!, state: "sent" }));

    stage.door.treat = () => "hang";
    const { outbox } = await open(stage, store);
    assertEquals(["unknown", "sent"].includes(outbox.get(orderId)!.state), true);
    await until("a try without an answer", () => outbox.get(orderId)?.state === "unknown");
    stage.door.treat = () => "pass";
    const settled = await outbox.settled(orderId);
    assertEquals([settled.state, settled.acknowledgement?.replayed], ["committed", true]);
    assertEquals(await stage.rowsOf(orderId), 1);
    await outbox.close();
  }));

Deno.test("a refusal for good is kept until somebody decides, and can be sent once more", () =>
  withPlacing(async (stage) => {
    const { outbox } = await open(stage, memoryStore());
    const bad = await outbox.add({ ...ORDER, currency: "EURO" });
    const refused = await outbox.settled(bad.orderId);
    assertEquals([refused.state, refused.failure?.reason], ["refused", "invalid_input"]);
    assertEquals(refused.failure?.issues.map(({ path }) => path), ["currency"]);
    await outbox.retry(bad.orderId);
    await until("the second refusal", () => outbox.get(bad.orderId)?.tries === 2);
    await outbox.settled(bad.orderId);
    await outbox.forget(bad.orderId);
    await assertRejects(() => outbox.retry(bad.orderId), Error, "no refused order");
    await assertRejects(() => outbox.settled(bad.orderId), Error, "has no order");
    await outbox.close();
  }));

Deno.test("one key is one order, in the outbox as in Weir", () =>
  withPlacing(async (stage) => {
    stage.door.treat = () => ({ reason: "circuit_open", retryAfterMs: 1_000 });
    const { outbox } = await open(stage, memoryStore());
    const { order } = prepareOrder(ORDER);
    const first = await outbox.add(order);
    const again = await outbox.add({ ...order });
    assertEquals([again.orderId, outbox.getState().entries.length], [first.orderId, 1]);
    const error = await assertRejects(
      () => outbox.add({ ...order, customerRef: "another" }),
      WeirError,
    );
    assertEquals(error.reason, "idempotency_mismatch");
    await assertRejects(() => outbox.forget(first.orderId), Error, "on its way");
    await outbox.close();
  }));

Deno.test("an order that the store cannot keep is not sent", () =>
  withPlacing(async (stage) => {
    const full = { ...memoryStore(), insert: () => Promise.reject(new Error("it is full")) };
    const { outbox } = await open(stage, full);
    await assertRejects(() => outbox.add(ORDER), Error, "it is full");
    assertEquals([outbox.getState().entries, stage.door.requests()], [[], 0]);
    await outbox.close();
    await assertRejects(() => outbox.add(ORDER), DOMException);
  }));

Deno.test("a wrong key blocks the outbox and loses nothing", () =>
  withPlacing(async (stage) => {
    stage.door.treat = () => ({ reason: "unauthenticated" });
    const { outbox } = await open(stage, memoryStore());
    const { orderId } = await outbox.add(ORDER);
    await until("the block", () => outbox.getState().blockedBy?.reason === "unauthenticated");
    await until("the state", () => outbox.get(orderId)?.state === "waiting");
    stage.door.treat = () => "pass";
    assertEquals((await outbox.settled(orderId)).state, "committed");
    assertEquals(outbox.getState().blockedBy, null);
    await outbox.close();
  }));

Deno.test("committed entries are kept up to a bound, and no other ones are thrown away", () =>
  withPlacing(async (stage) => {
    const { outbox } = await open(stage, memoryStore(), 5);
    const bad = await outbox.add({ ...ORDER, currency: "EURO" });
    const added = await Promise.all(Array.from({ length: 30 }, () => outbox.add(ORDER)));
    await until(
      "all to settle",
      () =>
        outbox.getState().entries.every(({ state }) =>
          state === "committed" || state === "refused"
        ),
    );
    assertEquals(outbox.getState().entries.length, 6);
    assertEquals(outbox.get(bad.orderId)?.state, "refused");
    for (const { orderId } of added) assertEquals(await stage.rowsOf(orderId), 1);
    await outbox.close();
  }));

Deno.test("an outbox on a bad network stores each order once, through restarts of its program", () => {
  const random = new Random(1_128);
  const hard: Treatment[] = [
    "lost_before",
    "lost_after",
    "half",
    "page",
    { reason: "queue_full", retryAfterMs: 50 },
    { reason: "outcome_unknown" },
  ];
  return withPlacing(async (stage) => {
    stage.door.treat = () => random.chance(0.5) ? "pass" : random.pick(hard);
    const store = memoryStore();
    const ids: string[] = [];
    for (let run = 0; run < 5; run++) {
      const { outbox } = await open(stage, store);
      const begun = ids.length;
      for (let one = 0; one < 20; one++) ids.push((await outbox.add(ORDER)).orderId);
      const some = ids[begun + random.int(0, 19)]!;
      await until("a try of one of them", () => (outbox.get(some)?.tries ?? 0) > 0);
      await outbox.close();
    }
    stage.door.treat = () => "pass";
    const { outbox } = await open(stage, store);
    const settled = await Promise.all(ids.map((id) => outbox.settled(id)));
    assertEquals(new Set(settled.map(({ state }: OutboxEntry) => state)), new Set(["committed"]));
    assertEquals((await stage.database.sql`select from orders`).length, ids.length);
    await outbox.close();
  }, { random: random.next });
});
