import { assert, assertEquals, assertGreaterOrEqual, assertRejects } from "@std/assert";
import { anOrder } from "../../support/load/orders.ts";
import { aWriter, openCircuit, placedLater, said } from "../../support/doubles/order_writer.ts";
import { ScriptedOverflow } from "../../support/doubles/scripted_overflow.ts";
import { gate, socketError, sqlError } from "../../support/doubles/scripted_store.ts";

Deno.test("the circuit opens on failures, refuses at once, probes, and closes", async () => {
  const parts = aWriter();
  const { clock, store, writer, place } = parts;
  assertEquals([writer.status().lastError, writer.status().lastErrorAt], [null, null]);
  const first = await openCircuit(parts);
  assertEquals(said(first), "circuit_open");
  assertEquals(writer.status().circuit, "open");
  assertEquals(writer.status().lastError, "ECONNREFUSED");
  assert(Math.abs(Date.parse(writer.status().lastErrorAt ?? "") - Date.now()) < 60_000);
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

Deno.test("attempt() makes no call unless the circuit is closed, and its failures count for the circuit", async () => {
  const { clock, writer, bugs } = aWriter();
  assertEquals(await writer.attempt(() => Promise.resolve("cancelled")), "cancelled");
  let made = 0;
  const failing = (code: string) => () => {
    made++;
    return Promise.reject(sqlError(code));
  };
  for (let call = 0; call < 20; call++) {
    await assertRejects(() => writer.attempt(failing("40001")), Error, "40001");
  }
  assertEquals(writer.circuit, "closed", "contention is no fault of the database");
  for (let call = 0; call < 40 && writer.circuit === "closed"; call++) {
    await writer.attempt(failing("53100")).catch(() => undefined);
  }
  assertEquals(writer.circuit, "open");
  const before = made;
  assertEquals(await writer.attempt(failing("53100")), "circuit_open");
  assertEquals(made, before);
  await clock.advance(600);
  assertEquals(await writer.attempt(() => Promise.resolve("cancelled")), "cancelled");
  assertEquals(bugs, []);
});

Deno.test("the circuit stays open longer each time while the database fails, up to a cap", async () => {
  // The jitter takes all of each ceiling, so that each pause ends at a step of the clock.
  const parts = aWriter({ random: () => 0.99999 });
  const { clock, writer } = parts;
  const pauses: number[] = [];
  let circuit = writer.circuit;
  let openedAt = 0;
  writer.onChange(() => {
    if (writer.circuit === circuit) return;
    circuit = writer.circuit;
    if (circuit === "open") openedAt = clock.now();
    else pauses.push(clock.now() - openedAt);
  });
  parts.store.before = () => Promise.reject(sqlError("53100"));
  parts.place(anOrder());
  await clock.advance(56_400);
  assertEquals(pauses, [500, 1_000, 2_000, 4_000, 8_000, 10_000, 10_000, 10_000, 10_000]);
  assertEquals(writer.circuit, "open");
});

Deno.test("a half-open circuit lets as many of 1,000 callers reach the store as it probes", async () => {
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

Deno.test("a refusal while a probe hangs tells no caller to come back at once", async () => {
  const parts = aWriter();
  const { clock, store, writer, place } = parts;
  await openCircuit(parts);
  store.before = () => new Promise(() => undefined);
  await clock.advance(800);
  assertEquals(writer.circuit, "half_open");
  const placed = [place(anOrder()), place(anOrder())]; // the first one waits for the second probe
  await clock.advance(10);
  assertEquals(placed.map(said), ["nothing", "circuit_open"]);
  const { answer } = placed[1]!;
  assert(answer?.ok === false);
  assertGreaterOrEqual(answer.refusal.retryAfterMs ?? 0, 500);
});

Deno.test("a refusal of a full overflow while a probe hangs tells no caller to come back at once", async () => {
  const overflow = new ScriptedOverflow();
  const parts = aWriter({ overflow });
  await openCircuit(parts);
  overflow.maxOrders = 0;
  parts.store.before = () => new Promise(() => undefined);
  await parts.clock.advance(800);
  assertEquals(parts.writer.circuit, "half_open");
  const { answer } = await placedLater(parts.place, anOrder(), parts.clock);
  assert(answer?.ok === false && answer.refusal.reason === "circuit_open");
  assertGreaterOrEqual(answer.refusal.retryAfterMs ?? 0, 500);
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

Deno.test("an order of a hung probe is answered as soon as the probe ends, and its batch is reported", async () => {
  for (const word of ["outcome_unknown", "committed"]) {
    const told: number[] = [];
    const parts = aWriter({ onBatch: ({ newOrders }) => told.push(newOrders) });
    const { clock, store, writer, place } = parts;
    await openCircuit(parts);
    const probes = [gate(), gate()];
    store.before = ({ length }) => probes[length]?.passed;
    await clock.advance(550);
    const placed = place(anOrder(), 30_000);
    probes[0]?.open();
    await clock.advance(1_010);
    assertEquals([store.sent.at(-1), writer.circuit, said(placed)], [1, "open", "nothing"]);
    if (word === "committed") probes[1]?.open();
    else probes[1]?.fail(socketError("WEIR_DATABASE_TIMEOUT"));
    await clock.advance(10);
    assertEquals([said(placed), writer.circuit], [word, "open"]);
    assertEquals(told.at(-1), word === "committed" ? 1 : 0);
  }
});

Deno.test("a timeout halves the batch bound, and success grows it back", async () => {
  const { clock, store, place } = aWriter({ maxBatchOrders: 50, statementTimeoutMs: 100_000 });
  store.before = () => store.sent.length <= 2 ? Promise.reject(sqlError("57014")) : undefined;
  const placed = Array.from({ length: 400 }, () => place(anOrder(), 30_000));
  await clock.advance(2_000);
  assertEquals(new Set(placed.map(said)), new Set(["committed"]));
  assertEquals(store.sent.slice(0, 5), [50, 50, 12, 14, 16], "each lane's timeout halves it");
});

Deno.test("the circuit stays closed for orders at fault, however many calls find and park them", async () => {
  const times: number[] = [];
  const { clock, store, writer, place } = aWriter({
    onBatch: (batch) => times.push(batch.commitMs),
  });
  const call = () => new Promise<void>((done) => clock.setTimeout(done, 5));
  store.before = async (orders) => {
    await call();
    if (orders.some(({ customerRef }) => customerRef === "poison")) throw sqlError("23514");
  };
  store.park = () => call().then(() => "dead letter");
  const circuits = new Set([writer.circuit]);
  writer.onChange(() => circuits.add(writer.circuit));
  for (let burst = 0; burst < 10; burst++) {
    for (let order = 0; order < 60; order++) {
      place(anOrder({ customerRef: order === 0 ? "good" : "poison" }));
    }
    await clock.advance(1_000);
  }
  assertEquals([...circuits], ["closed"]);
  assertEquals(
    times.filter((ms) => ms > 800).length,
    10,
    "each batch takes as long as a slow call",
  );
});

Deno.test("the circuit opens when every call is slow, whether it commits or parks", async () => {
  for (const slow of ["commit", "park"]) {
    const { clock, store, writer, place } = aWriter();
    const call = (name: string) =>
      new Promise<void>((done) => clock.setTimeout(done, name === slow ? 900 : 5));
    store.before = async () => {
      await call("commit");
      if (slow === "park") throw sqlError("23514");
    };
    store.park = () => call("park").then(() => "dead letter");
    for (let step = 0; step < 1_000 && writer.circuit === "closed"; step++) {
      if (step % 100 === 0) place(anOrder());
      await clock.advance(5);
    }
    assertEquals([slow, writer.circuit], [slow, "open"]);
  }
});

Deno.test("a batch in another transaction's way is tried again, and the circuit stays closed", async () => {
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
