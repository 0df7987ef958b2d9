import { assert, assertEquals, assertGreater } from "@std/assert";
import { bulkOf, MAX_BATCH_BULK } from "../../../sql/orders/batch.ts";
import { anOrder, manyLines } from "../../support/load/orders.ts";
import { aWriter, placedLater, said } from "../../support/doubles/order_writer.ts";
import { gate, socketError, sqlError } from "../../support/doubles/scripted_store.ts";

Deno.test("place() answers after the order's commit and not before", async () => {
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

Deno.test("a batch gathers while others commit, and an idle writer waits for nothing", async () => {
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

Deno.test("a key that is twice in a batch is one row for the same content, and a mismatch for other content", async () => {
  const { clock, store, place } = aWriter();
  const order = anOrder();
  const other = anOrder({ idempotencyKey: order.idempotencyKey, customerRef: "other" });
  const placed = [place(order), place(order), place(other), place(order)];
  await clock.advance(100);
  assertEquals(placed.map(said), ["committed", "replayed", "idempotency_mismatch", "replayed"]);
  assertEquals(store.rows.size, 1);
  assertEquals(said(await placedLater(place, order, clock)), "replayed");
});

Deno.test("a key with two contents keeps the one that came first, whichever lane is free", async () => {
  const { clock, store, place } = aWriter();
  const commit = gate();
  store.before = () => commit.passed;
  const order = anOrder();
  const first = place(order);
  await clock.settle();
  const other = anOrder({ idempotencyKey: order.idempotencyKey, customerRef: "other" });
  const placed = [first, place(other), place(order)];
  await clock.advance(100);
  assertEquals(
    store.sent,
    [1],
    "orders that wait for their key are not sent, and no empty batch in their place",
  );
  commit.open();
  await clock.advance(100);
  assertEquals(placed.map(said), ["committed", "idempotency_mismatch", "replayed"]);
});

Deno.test("place() refuses past the mailbox's bounds in rows or bytes, and says how long to wait", async () => {
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
  assertEquals(bytes.writer.status().queuedBytes, 0, "answered orders weigh nothing");
});

Deno.test("an order whose batch has not begun at its deadline is refused, and never stored", async () => {
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
  assertEquals(
    busy.map(said),
    ["nothing", "nothing"],
    "an order that is being stored is no longer refused",
  );
  commit.open();
  await clock.advance(50);
  assertEquals(busy.map(said), ["committed", "committed"]);
  assertEquals(store.rows.size, 2);
});

Deno.test("an order that was sent is answered one statement timeout after its deadline, whatever its batch does", async () => {
  const { clock, store, place } = aWriter();
  const commit = gate();
  store.before = () => commit.passed;
  const order = anOrder();
  const placed = place(order, 200);
  await clock.advance(1_190);
  assertEquals(said(placed), "nothing");
  await clock.advance(40);
  assertEquals(said(placed), "outcome_unknown");
  commit.open();
  await clock.advance(50);
  assertEquals([said(placed), store.rows.size], ["outcome_unknown", 1]);
  assertEquals(said(await placedLater(place, order, clock)), "replayed");
});

Deno.test("the door refuses orders that would wait past their deadline, as soon as batches take longer", async () => {
  const { clock, store, place } = aWriter({ maxBatchOrders: 1 });
  const commit = gate();
  store.before = () => commit.passed;
  const early = Array.from({ length: 4 }, () => place(anOrder(), 500));
  await clock.advance(400);
  const late = [100, 1_000].map((deadlineMs) => place(anOrder(), deadlineMs));
  await clock.settle();
  assertEquals(late.map(said), ["queue_full", "nothing"]);
  const { answer } = late[0]!;
  assert(answer?.ok === false && (answer.refusal.retryAfterMs ?? 0) >= 100);
  commit.open();
  await clock.advance(50);
  assertEquals(early.map(said), Array(4).fill("committed"));
  assertEquals(store.rows.size, 5);
});

Deno.test("the door counts a batch as full by its bulk too, not by its orders alone", async () => {
  const { clock, store, place } = aWriter();
  store.before = () => new Promise((done) => clock.setTimeout(done, 100));
  const full = Math.floor(MAX_BATCH_BULK / bulkOf(200));
  const early = Array.from({ length: 20 * full }, () => place(anOrder({ lines: manyLines(200) })));
  await clock.advance(250);
  assertEquals(store.sent.slice(0, 4), [full, full, full, full]);
  const late = [300, 2_000].map((deadlineMs) => place(anOrder(), deadlineMs));
  await clock.settle();
  assertEquals(late.map(said), ["queue_full", "nothing"]);
  await clock.advance(1_000);
  assertEquals(said(late[1]!), "committed");
  assertEquals(new Set(early.map(said)), new Set(["committed"]));
});

Deno.test("an order with an unknown outcome is sent again and found to be stored once", async () => {
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
    assertEquals(store.rows.size, 1, "the order was stored all the same");
    assertEquals(writer.status().circuit, "open");
  }
  const { clock, store, place } = aWriter();
  store.after = () => Promise.reject(sqlError("57P01", "FATAL"));
  const placed = place(anOrder(), 100);
  await clock.advance(3_000);
  assertEquals(said(placed), "outcome_unknown");
});

Deno.test("stop() commits the orders that are here, takes no more, and may be called twice", async () => {
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

Deno.test("stop() answers the orders that its time is too short for: unsent ones refused, sent ones unknown", async () => {
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
