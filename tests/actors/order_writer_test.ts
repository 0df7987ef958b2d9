import { assert, assertEquals, assertGreater, assertLess } from "@std/assert";
import { createOrderWriter, type OrderWriterOptions } from "../../actors/order_writer.ts";
import type { Answer } from "../../actors/mailbox.ts";
import type { NewOrder } from "../../sql/order.ts";
import { anOrder } from "../support/orders.ts";
import { gate, ScriptedStore, socketError, sqlError } from "../support/scripted_store.ts";
import { SimulatedClock } from "../support/simulated_clock.ts";

/** A writer over a scripted store in simulated time. */
function aWriter(options: Partial<OrderWriterOptions> = {}) {
  const clock = new SimulatedClock();
  const store = new ScriptedStore();
  const bugs: unknown[] = [];
  const writer = createOrderWriter({
    store,
    maxOrders: 10_000,
    maxBytes: 1 << 26,
    maxBatchOrders: 1_000,
    statementTimeoutMs: 1_000,
    clock,
    random: () => 0.999,
    onBug: (error) => bugs.push(error),
    ...options,
  });
  /** Places and remembers the answer when it comes. */
  const place = (order: NewOrder, deadlineMs = 5_000) => {
    const placed: { answer: Answer | null; ms: number | null } = { answer: null, ms: null };
    const begunAt = clock.now();
    writer.place(order, deadlineMs).then((answer) => {
      placed.answer = answer;
      placed.ms = clock.now() - begunAt;
    });
    return placed;
  };
  return { clock, store, writer, place, bugs };
}

/** What was said, in a word. */
function said({ answer }: { answer: Answer | null }): string {
  if (answer === null) return "nothing";
  if (!answer.ok) return answer.refusal.reason;
  return answer.acknowledgement.replayed ? "replayed" : answer.acknowledgement.status;
}

/** Opens the circuit by failures that store nothing. */
async function openCircuit({ clock, store, place }: ReturnType<typeof aWriter>) {
  store.before = () => Promise.reject(socketError("ECONNREFUSED"));
  const placed = place(anOrder());
  await clock.advance(400);
  return placed;
}

Deno.test("an order is answered after its commit and not before", async () => {
  const { clock, store, place } = aWriter();
  const commit = gate();
  store.before = () => commit.passed;
  const order = anOrder();
  const placed = place(order);
  await clock.advance(100);
  assertEquals([said(placed), store.sent], ["nothing", [1]]);
  commit.open();
  await clock.settle();
  assertEquals(placed.answer, {
    ok: true,
    acknowledgement: {
      orderId: order.orderId,
      status: "committed",
      replayed: false,
      totalMinor: 900,
      currency: "EUR",
      placedAt: "2026-11-22T10:00:00.000Z",
    },
  });
});

Deno.test("while batches commit the next one gathers, and an idle writer waits for nothing", async () => {
  const { clock, store, place } = aWriter();
  const commit = gate();
  store.before = () => commit.passed;
  place(anOrder());
  await clock.settle();
  place(anOrder());
  await clock.settle();
  assertEquals(store.sent, [1, 1], "both lanes are busy, without a timer");
  const rest = Array.from({ length: 30 }, () => place(anOrder()));
  await clock.settle();
  assertEquals(store.sent, [1, 1]);
  commit.open();
  await clock.settle();
  assertEquals(store.sent, [1, 1, 30]);
  assertEquals(new Set(rest.map(said)), new Set(["committed"]));
});

Deno.test("one key in one batch: the same content is one row, other content is a mismatch", async () => {
  const { clock, store, place } = aWriter();
  const order = anOrder();
  const other = anOrder({ idempotencyKey: order.idempotencyKey, customerRef: "other" });
  const placed = [place(order), place(order), place(other), place(order)];
  await clock.advance(100);
  assertEquals(placed.map(said), ["committed", "replayed", "idempotency_mismatch", "replayed"]);
  assertEquals(store.rows.size, 1);
  assertEquals(said(await placedLater(place, order, clock)), "replayed");
});

async function placedLater(
  place: ReturnType<typeof aWriter>["place"],
  order: NewOrder,
  clock: SimulatedClock,
) {
  const placed = place(order);
  await clock.advance(50);
  return placed;
}

Deno.test("past its bounds in rows or in bytes the mailbox takes nothing and says for how long", async () => {
  const rows = aWriter({ maxOrders: 3 });
  const commit = gate();
  rows.store.before = () => commit.passed;
  const placed = Array.from({ length: 5 }, () => rows.place(anOrder()));
  await rows.clock.settle();
  assertEquals(placed.map(said).slice(3), ["queue_full", "queue_full"]);
  const { answer } = placed[4]!;
  assert(answer?.ok === false && (answer.refusal.retryAfterMs ?? 0) > 0);
  commit.open();
  await rows.clock.settle();
  assertEquals(placed.map(said).slice(0, 3), ["committed", "committed", "committed"]);
  assertEquals(said(await placedLater(rows.place, anOrder(), rows.clock)), "committed");

  const bytes = aWriter({ maxBytes: 2_000 });
  const many = Array.from({ length: 5 }, () => bytes.place(anOrder()));
  await bytes.clock.settle();
  assertGreater(many.map(said).filter((word) => word === "queue_full").length, 0);
  await bytes.clock.settle();
  assertEquals(bytes.writer.status().queuedBytes, 0, "what was answered weighs nothing");
});

Deno.test("an order that is not being stored by its deadline is answered so, and never stored", async () => {
  const { clock, store, place } = aWriter({ maxBatchOrders: 1 });
  const commit = gate();
  store.before = () => commit.passed;
  const busy = [place(anOrder(), 60), place(anOrder(), 60)];
  await clock.settle();
  const late = place(anOrder(), 200);
  await clock.advance(190);
  assertEquals(said(late), "nothing");
  await clock.advance(40);
  assertEquals(said(late), "deadline_exceeded");
  assertEquals(busy.map(said), ["nothing", "nothing"], "what is being stored is past refusing");
  commit.open();
  await clock.advance(50);
  assertEquals(busy.map(said), ["committed", "committed"]);
  assertEquals(store.rows.size, 2);
});

Deno.test("the circuit opens on failures, refuses at once, probes, and closes", async () => {
  const parts = aWriter();
  const { clock, store, writer, place } = parts;
  const first = await openCircuit(parts);
  assertEquals(said(first), "circuit_open");
  assertEquals(writer.status().circuit, "open");
  assertEquals(writer.status().lastError, "ECONNREFUSED");
  const sentWhileOpen = store.sent.length;
  const refused = place(anOrder());
  await clock.settle();
  assertEquals([said(refused), refused.ms], ["circuit_open", 0]);
  assert(refused.answer?.ok === false);
  const { retryAfterMs } = refused.answer.refusal;
  assert(retryAfterMs !== undefined && retryAfterMs <= 500);
  assertEquals(store.sent.length, sentWhileOpen, "a refusal costs no database work");
  store.before = () => undefined;
  await clock.advance(600);
  assertEquals(writer.status().circuit, "closed");
  assertEquals(said(await placedLater(place, anOrder(), clock)), "committed");
});

Deno.test("while the database stays away the circuit stays open longer each time, up to a cap", async () => {
  const parts = aWriter();
  await openCircuit(parts);
  const pauses: number[] = [];
  let openedAt = 0;
  let before = "open";
  for (let ms = 0; ms < 60_000; ms += 5) {
    await parts.clock.advance(5);
    const { circuit } = parts.writer.status();
    const probed = parts.store.sent.length;
    if (probed > pauses.length + 5) {
      pauses.push(ms - openedAt);
      openedAt = ms;
    }
    before = circuit;
  }
  assertEquals(before, "open");
  assertGreater(pauses.length, 5);
  for (const [index, pause] of pauses.entries()) {
    if (index > 0) assert(pause >= pauses[index - 1]! * 0.9, `pauses grow: ${pauses}`);
    assertLess(pause, 10_100);
  }
});

Deno.test("of 1,000 callers against a half-open circuit exactly as many reach the store as it probes", async () => {
  const parts = aWriter();
  const { clock, store, writer, place } = parts;
  await openCircuit(parts);
  const probe = gate();
  store.before = () => probe.passed;
  const sentBefore = store.sent.length;
  await clock.advance(550);
  assertEquals(writer.status().circuit, "half_open");
  const callers = Array.from({ length: 1_000 }, () => place(anOrder()));
  await clock.advance(50);
  assertEquals(store.sent.slice(sentBefore), [0], "one empty batch asks first");
  probe.open();
  await clock.advance(50);
  const words = callers.map(said);
  assertEquals(words.filter((word) => word === "committed").length, 1);
  assertEquals(words.filter((word) => word === "circuit_open").length, 999);
  assertEquals(store.sent.slice(sentBefore), [0, 1], "two probes, and the circuit is closed");
  assertEquals(writer.status().circuit, "closed");
});

Deno.test("a probe that hangs counts as failed when its time is up", async () => {
  const parts = aWriter();
  await openCircuit(parts);
  parts.store.before = () => new Promise(() => undefined);
  await parts.clock.advance(550);
  assertEquals(parts.writer.status().circuit, "half_open");
  await parts.clock.advance(1_000);
  assertEquals(parts.writer.status().circuit, "open");
});

Deno.test("after an unknown outcome the same order is sent again and found to be stored once", async () => {
  const { clock, store, place } = aWriter();
  let cuts = 1;
  store.after = () => cuts-- > 0 ? Promise.reject(socketError("CONNECTION_CLOSED")) : undefined;
  const placed = place(anOrder());
  await clock.advance(200);
  assertEquals(said(placed), "replayed");
  assertEquals([store.sent, store.rows.size], [[1, 1], 1]);
});

Deno.test("an order that may have been stored is outcome_unknown, never refused", async () => {
  for (const code of ["CONNECTION_CLOSED", "WEIR_DATABASE_TIMEOUT", "ECONNRESET"]) {
    const { clock, store, writer, place } = aWriter();
    store.after = () => Promise.reject(socketError(code));
    const placed = place(anOrder());
    await clock.advance(3_000);
    assertEquals([code, said(placed)], [code, "outcome_unknown"]);
    assertEquals(store.rows.size, 1, "it was stored all the same");
    assertEquals(writer.status().circuit, "open");
  }
  const { clock, store, place } = aWriter();
  store.after = () => Promise.reject(sqlError("57P01", "FATAL"));
  const placed = place(anOrder(), 100);
  await clock.advance(3_000);
  assertEquals(said(placed), "outcome_unknown");
});

Deno.test("an order at fault is rejected alone, at a bounded cost, and its neighbours commit", async () => {
  const { clock, store, writer, place } = aWriter();
  const poison = new Set(["p-1", "p-2", "p-3"]);
  const transactions: number[] = [];
  store.before = (orders) => {
    transactions.push(orders.length);
    const bad = orders.some((order) => poison.has(order.idempotencyKey));
    return bad ? Promise.reject(sqlError("23514")) : undefined;
  };
  const placed = Array.from({ length: 500 }, (_, index) => {
    const isPoison = index % 200 === 7;
    return place(anOrder(isPoison ? { idempotencyKey: `p-${1 + (index - 7) / 200}` } : {}));
  });
  await clock.advance(100);
  const words = placed.map(said);
  assertEquals(words.filter((word) => word === "rejected").length, 3);
  assertEquals(words.filter((word) => word === "committed").length, 497);
  assertEquals(words.findIndex((word) => word === "rejected"), 7);
  assert(transactions.length <= 2 * 3 * Math.ceil(Math.log2(500)) + 1, `${transactions.length}`);
  assertEquals(writer.status().circuit, "closed", "a fault of data is no fault of the database");
});

Deno.test("a timeout halves the batch bound, and success grows it back", async () => {
  const { clock, store, place } = aWriter({ maxBatchOrders: 200, statementTimeoutMs: 100_000 });
  let isSlow = true;
  store.before = ({ length }) => {
    if (isSlow && length > 100) return Promise.reject(sqlError("57014"));
    isSlow = store.sent.length < 3;
  };
  const placed = Array.from({ length: 400 }, () => place(anOrder(), 30_000));
  await clock.advance(2_000);
  assertEquals(new Set(placed.map(said)), new Set(["committed"]));
  assertEquals(store.sent.slice(0, 4), [200, 200, 50, 56], "each lane's timeout halves it");
});

Deno.test("two transactions in each other's way are tried again and open no circuit", async () => {
  for (const code of ["40001", "40P01", "25006"]) {
    const { clock, store, writer, place } = aWriter();
    let failures = 8;
    store.before = () => failures-- > 0 ? Promise.reject(sqlError(code)) : undefined;
    const placed = place(anOrder());
    await clock.advance(5_000);
    assertEquals([said(placed), writer.status().circuit], ["committed", "closed"]);
  }
});

Deno.test("a missing column or right opens the circuit and rejects nobody", async () => {
  for (const code of ["42703", "42501", "53100", "57014", "XX000"]) {
    const { clock, store, writer, place } = aWriter();
    store.before = () => Promise.reject(sqlError(code));
    const placed = place(anOrder());
    await clock.advance(400);
    assertEquals([code, said(placed), writer.status().circuit], [code, "circuit_open", "open"]);
  }
});

Deno.test("stop commits what is here, takes nothing more, and is legal twice", async () => {
  const { clock, store, writer, place } = aWriter();
  const commit = gate();
  store.before = () => commit.passed;
  const placed = [place(anOrder()), place(anOrder())];
  await clock.settle();
  placed.push(place(anOrder()));
  const stopped = Promise.all([writer.stop(1_000), writer.stop(1_000)]);
  const late = place(anOrder());
  await clock.settle();
  assertEquals([said(late), writer.status().intake], ["draining", "draining"]);
  commit.open();
  await clock.settle();
  await stopped;
  assertEquals(placed.map(said), ["committed", "committed", "committed"]);
  await writer.stop(1_000);
});

Deno.test("what cannot be committed in time at a stop is answered: unsent refused, sent unknown", async () => {
  const { clock, store, writer, place } = aWriter({ maxBatchOrders: 1 });
  store.before = () => new Promise(() => undefined);
  const sent = [place(anOrder()), place(anOrder())];
  await clock.settle();
  const waiting = place(anOrder());
  const stopped = writer.stop(500);
  await clock.advance(510);
  await stopped;
  assertEquals(sent.map(said).sort(), ["nothing", "nothing"].map(() => "outcome_unknown"));
  assertEquals(said(waiting), "draining");
  assertEquals(writer.status().intake, "stopped");
});
