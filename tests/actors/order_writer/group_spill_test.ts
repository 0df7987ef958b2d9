import { assert, assertEquals } from "@std/assert";
import { OverflowUnreachable } from "../../../actors/order_writer/group_spill.ts";
import { aWriter, openCircuit, placedLater, said } from "../../support/doubles/order_writer.ts";
import { anOrder } from "../../support/load/orders.ts";
import { ScriptedOverflow, SPILLED_AT } from "../../support/doubles/scripted_overflow.ts";
import { gate, socketError } from "../../support/doubles/scripted_store.ts";

Deno.test("an order is spilled while the circuit is open, and the same key gets the same answer", async () => {
  const overflow = new ScriptedOverflow();
  const parts = aWriter({ overflow });
  const { place, clock } = parts;
  assertEquals(
    said(await openCircuit(parts)),
    "spilled",
    "also an order that waited when the circuit opened",
  );
  const order = anOrder();
  const placed = await placedLater(place, order, clock);
  assert(placed.answer?.ok);
  assertEquals(placed.answer.acknowledgement.status, "spilled");
  assertEquals(placed.answer.acknowledgement.placedAt, SPILLED_AT);
  assertEquals(said(await placedLater(place, order, clock)), "replayed");
  const other = anOrder({ idempotencyKey: order.idempotencyKey, customerRef: "other" });
  assertEquals(said(await placedLater(place, other, clock)), "idempotency_mismatch");
  assertEquals(overflow.held.size, 2);
});

Deno.test("an order that may have been committed is spilled too, and never refused", async () => {
  const overflow = new ScriptedOverflow();
  const { clock, store, place } = aWriter({ overflow });
  store.after = () => Promise.reject(socketError("CONNECTION_CLOSED"));
  const placed = place(anOrder());
  await clock.advance(2_000);
  assertEquals([said(placed), store.rows.size, overflow.held.size], ["spilled", 1, 1]);
});

Deno.test("a full overflow refuses the orders that it has no room for", async () => {
  const overflow = new ScriptedOverflow();
  const parts = aWriter({ overflow });
  await openCircuit(parts);
  overflow.maxOrders = overflow.held.size + 1;
  const placed = [parts.place(anOrder()), parts.place(anOrder())];
  await parts.clock.advance(20);
  assertEquals(placed.map(said), ["spilled", "circuit_open"]);
});

Deno.test("an overflow that is not ready makes the door refuse orders", async () => {
  const overflow = new ScriptedOverflow();
  overflow.ready = false;
  const parts = aWriter({ overflow });
  assertEquals(said(await openCircuit(parts)), "circuit_open");
  assertEquals(said(await placedLater(parts.place, anOrder(), parts.clock)), "circuit_open");
  assertEquals(overflow.held.size, 0);
});

Deno.test("an overflow that was cut before it got an order lets it be refused; after that it is unknown", async () => {
  for (
    const [error, word] of [
      [new OverflowUnreachable(), "circuit_open"],
      [socketError("ETIMEDOUT"), "outcome_unknown"],
    ] as const
  ) {
    const overflow = new ScriptedOverflow();
    const parts = aWriter({ overflow });
    await openCircuit(parts);
    overflow.after = () => {
      overflow.ready = false;
      return Promise.reject(error);
    };
    const placed = parts.place(anOrder());
    await parts.clock.advance(200);
    assertEquals(said(placed), word);
  }
});

Deno.test("a spill whose answer was lost is sent again and found to be there once", async () => {
  const overflow = new ScriptedOverflow();
  const parts = aWriter({ overflow });
  await openCircuit(parts);
  let cuts = 1;
  overflow.after = () => cuts-- > 0 ? Promise.reject(socketError("ETIMEDOUT")) : undefined;
  const placed = parts.place(anOrder());
  await parts.clock.advance(200);
  assertEquals([said(placed), overflow.held.size], ["replayed", 2]);
});

Deno.test("an order of a hung probe is spilled as soon as the probe ends", async () => {
  const overflow = new ScriptedOverflow();
  const parts = aWriter({ overflow });
  const { place, clock, store, writer } = parts;
  await openCircuit(parts);
  const slow = gate();
  overflow.before = () => slow.passed;
  const placed = [place(anOrder(), 30_000)];
  await clock.settle();
  placed.push(place(anOrder(), 30_000)); // waits while the first one is being spilled
  const probe = gate();
  store.before = () => probe.passed;
  await clock.advance(800);
  assertEquals([writer.circuit, store.sent.at(-1)], ["half_open", 1]);
  slow.open();
  await clock.advance(900);
  assertEquals([writer.circuit, ...placed.map(said)], ["open", "spilled", "nothing"]);
  probe.fail(socketError("WEIR_DATABASE_TIMEOUT"));
  await clock.advance(10);
  assertEquals(placed.map(said), ["spilled", "spilled"]);
});

Deno.test("a database that is back gets the orders again, and none is left waiting", async () => {
  const overflow = new ScriptedOverflow();
  const parts = aWriter({ overflow });
  await openCircuit(parts);
  parts.store.before = () => undefined;
  await parts.clock.advance(600);
  assertEquals(parts.writer.circuit, "closed");
  const held = overflow.held.size;
  assertEquals(said(await placedLater(parts.place, anOrder(), parts.clock)), "committed");
  assertEquals([overflow.held.size, parts.writer.status().queuedOrders], [held, 0]);
});

Deno.test("stop() while the circuit is open spills the waiting orders before it ends", async () => {
  const overflow = new ScriptedOverflow();
  const parts = aWriter({ overflow });
  await openCircuit(parts);
  const placed = [parts.place(anOrder()), parts.place(anOrder())];
  const stopped = parts.writer.stop(1_000);
  await parts.clock.advance(50);
  await stopped;
  assertEquals(placed.map(said), ["spilled", "spilled"]);
});
