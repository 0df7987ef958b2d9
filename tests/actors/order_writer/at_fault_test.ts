/** Orders that the database refuses for their content, and their dead letters. */
import { assert, assertEquals } from "@std/assert";
import type { BatchReport } from "../../../actors/order_writer/group_commit.ts";
import { anOrder } from "../../support/load/orders.ts";
import { aWriter, said } from "../../support/doubles/order_writer.ts";
import { gate, socketError, sqlError } from "../../support/doubles/scripted_store.ts";

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

Deno.test("an order does not wait while another order of its batch becomes a dead letter", async () => {
  const { clock, store, place } = aWriter();
  store.before = (orders) =>
    orders.some((order) => order.customerRef === "poison")
      ? Promise.reject(sqlError("23514"))
      : undefined;
  const parking = gate();
  store.park = () => parking.passed.then(() => "dead letter");
  const placed = [place(anOrder({ customerRef: "poison" })), place(anOrder()), place(anOrder())];
  await clock.advance(20);
  assertEquals(placed.map(said), ["nothing", "committed", "committed"]);
  parking.fail(socketError("ECONNREFUSED"));
  await clock.advance(5);
  assertEquals(said(placed[0]!), "nothing", "parking is tried again");
  store.park = () => Promise.resolve("dead letter");
  await clock.advance(200);
  assertEquals(said(placed[0]!), "rejected");
});

Deno.test("an order whose dead letter is refused too is refused at once, and no other order notices", async () => {
  const reports: BatchReport[] = [];
  const { clock, store, writer, place } = aWriter({ onBatch: (report) => reports.push(report) });
  store.before = (orders) =>
    orders.some((order) => order.customerRef === "poison")
      ? Promise.reject(sqlError("23514"))
      : undefined;
  for (const code of ["42501", "22P05", "42P01", "57014"]) {
    store.park = () => Promise.reject(sqlError(code));
    const placed = [];
    for (let round = 0; round < 30; round++) {
      placed.push(place(anOrder({ customerRef: "poison" })), place(anOrder()));
      await clock.advance(20);
    }
    const words = placed.map(said);
    assertEquals(words.filter((word) => word === "unavailable").length, 30, code);
    assertEquals(words.filter((word) => word === "committed").length, 30, code);
    assertEquals(writer.status().circuit, "closed", "one order is no fault of the database");
    const refused = placed[0]!.answer;
    assert(refused !== null && !refused.ok && refused.refusal.message.includes(code));
  }
  const named = reports.flatMap(({ notParked }) => notParked);
  assertEquals(named.length, 4 * 30);
  assert(named.every(({ order, code }) => order.customerRef === "poison" && code === "23514"));
});

Deno.test("an order whose dead letter fails in an outage is tried again, and not refused", async () => {
  const { clock, store, place } = aWriter();
  store.before = (orders) =>
    orders.length === 0 || orders.some((order) => order.customerRef === "poison")
      ? Promise.reject(sqlError(orders.length === 0 ? "53100" : "23514"))
      : undefined;
  store.park = () => Promise.reject(sqlError("53100"));
  const placed = place(anOrder({ customerRef: "poison" }));
  await clock.advance(50);
  assertEquals(said(placed), "nothing");
  store.park = () => Promise.resolve("dead letter");
  await clock.advance(2_000);
  assertEquals(said(placed), "rejected");
});
