/** The circuit while the primary is away, and the pauses before it is asked again. */
import { assert, assertEquals } from "@std/assert";
import { NotConnected } from "../../../sql/connection/failure.ts";
import { anOrder } from "../../support/load/orders.ts";
import { aWriter, placedLater, said } from "../../support/doubles/order_writer.ts";
import { ScriptedOverflow } from "../../support/doubles/scripted_overflow.ts";
import { sqlError } from "../../support/doubles/scripted_store.ts";

Deno.test("orders spill after a moment without a primary, and the new one is asked within 250 ms", async () => {
  const { clock, store, writer, place } = aWriter({ overflow: new ScriptedOverflow() });
  store.before = () => Promise.reject(sqlError("25006"));
  const placed = place(anOrder());
  await clock.advance(700);
  assertEquals([writer.circuit, said(placed)], ["closed", "nothing"]);
  await clock.advance(400);
  assertEquals(said(placed), "spilled");
  for (let failover = 0; failover < 10; failover++) await clock.advance(1_000);
  assertEquals(said(await placedLater(place, anOrder(), clock)), "spilled");
  store.before = () => undefined;
  await clock.advance(300);
  assertEquals(writer.circuit, "closed");
  assertEquals(said(await placedLater(place, anOrder(), clock)), "committed");
});

Deno.test("without an overflow orders wait longer for a primary, as through a planned change", async () => {
  const { clock, store, writer, place } = aWriter();
  store.before = () => Promise.reject(sqlError("25006"));
  const changed = place(anOrder(), 10_000);
  await clock.advance(3_000);
  assertEquals([writer.circuit, said(changed)], ["closed", "nothing"]);
  store.before = () => undefined;
  await clock.advance(300);
  assertEquals(said(changed), "committed");

  store.before = () => Promise.reject(sqlError("25006"));
  const lost = place(anOrder(), 10_000);
  await clock.advance(5_500);
  assertEquals(said(lost), "circuit_open");
});

Deno.test("a primary that comes after a long time without one is asked within 250 ms, whoever answered", async () => {
  const { clock, store, writer, place } = aWriter({ overflow: new ScriptedOverflow() });
  // The search among several hosts met a standby alone, and made no connection.
  store.before = () => Promise.reject(new NotConnected("it is a standby", "25006"));
  place(anOrder());
  for (let failover = 0; failover < 30; failover++) await clock.advance(1_000);
  assertEquals(writer.circuit, "open");
  store.before = () => undefined;
  await clock.advance(300);
  assertEquals(writer.circuit, "closed");
});

Deno.test("a database that was away for long is asked within 500 ms, also when a standby is away too", async () => {
  for (const code of ["ECONNREFUSED", "57P03", "CONNECTION_CLOSED", "ECONNRESET"]) {
    const { clock, store, writer, place } = aWriter({ overflow: new ScriptedOverflow() });
    store.before = () => Promise.reject(new NotConnected("it is a standby", "25006"));
    place(anOrder());
    for (let failover = 0; failover < 30; failover++) await clock.advance(1_000);
    store.before = () => Promise.reject(new NotConnected("it restarts", code));
    await clock.advance(2_000);
    assertEquals(writer.status().lastError, code);
    store.before = () => undefined;
    await clock.advance(550);
    assertEquals([code, writer.circuit], [code, "closed"]);
  }
});

Deno.test("a long time without a primary makes the pause after the next fault no longer", async () => {
  const { clock, store, writer, place } = aWriter({
    overflow: new ScriptedOverflow(),
    random: () => 0.99999,
  });
  store.before = () => Promise.reject(new NotConnected("it is a standby", "25006"));
  place(anOrder());
  for (let failover = 0; failover < 30; failover++) await clock.advance(1_000);
  let faults = 1; // such as a new primary that has no connection left at first
  store.before = () => faults-- > 0 ? Promise.reject(sqlError("53300", "FATAL")) : undefined;
  await clock.advance(1_000);
  assertEquals(writer.circuit, "closed");
});

Deno.test("a probe without an answer is a silence: the pause after it grows, and status says so", async () => {
  const { clock, store, writer, place } = aWriter({
    overflow: new ScriptedOverflow(),
    random: () => 0.99999,
  });
  store.before = () => Promise.reject(new NotConnected("refused", "ECONNREFUSED"));
  place(anOrder());
  for (let outage = 0; outage < 5; outage++) await clock.advance(1_000);
  const hung: (() => void)[] = [];
  store.before = () => new Promise<void>((resolve) => hung.push(resolve));
  for (let silence = 0; silence < 40; silence++) await clock.advance(1_000);
  assertEquals(writer.status().lastError, "WEIR_DATABASE_TIMEOUT");
  assert(hung.length < 10, `${hung.length} probes: the pauses grow from 0.5 s to 10 s`);
  hung.forEach((resolve) => resolve());
  await clock.advance(20_000);
});
