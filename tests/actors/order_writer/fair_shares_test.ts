/** A store with few orders does not notice the flood of another store. */
import { assert, assertEquals, assertGreater, assertMatch } from "@std/assert";
import { anOrder } from "../../support/load/orders.ts";
import { aWriter, openCircuit, said } from "../../support/doubles/order_writer.ts";
import { ScriptedOverflow } from "../../support/doubles/scripted_overflow.ts";

const BATCH_MS = 100;

/** A writer whose batches of ten orders take 100 ms, and its two lanes busy with a flood. */
async function flooded(orders: number, options: Parameters<typeof aWriter>[0] = {}) {
  const writer = aWriter({ maxBatchOrders: 10, ...options });
  const { clock, store, place } = writer;
  store.before = () => new Promise((done) => clock.setTimeout(done, BATCH_MS));
  const flood = Array.from({ length: orders }, () => place(anOrder({ storeId: "flood" }), 60_000));
  await clock.settle();
  return { ...writer, flood };
}

Deno.test("a gentle store is in the next batch, and its deadline is held against its own place", async () => {
  const { clock, place } = await flooded(2_000);
  await clock.advance(2 * BATCH_MS); // the pace is known
  const gentle = Array.from({ length: 3 }, () => place(anOrder({ storeId: "gentle" }), 500));
  const late = place(anOrder({ storeId: "flood" }), 500);
  await clock.advance(2 * BATCH_MS + 10);
  assertEquals(gentle.map(said), ["committed", "committed", "committed"]);
  const { answer } = late;
  assert(answer?.ok === false && answer.refusal.reason === "queue_full");
  assertMatch(answer.refusal.message, /19\d\d of them of this store/);
  const { retryAfterMs = 0 } = answer.refusal;
  assert(
    retryAfterMs > 9_000 && retryAfterMs < 10_500,
    `1,960 orders at 200 a second: ${retryAfterMs}`,
  );
});

Deno.test("a full mailbox takes the orders of a gentle store, and refuses the flood's newest with its own backlog", async () => {
  const { clock, place, flood } = await flooded(200, { maxOrders: 100 });
  assertEquals(flood.map(said).filter((word) => word === "queue_full").length, 100);
  const before = flood.filter((placed) => said(placed) === "nothing");
  const gentle = Array.from({ length: 5 }, () => place(anOrder({ storeId: "gentle" })));
  await clock.settle();
  assertEquals(before.map(said).indexOf("queue_full"), 95, "the newest five");
  const { answer } = before[95]!;
  assert(answer?.ok === false);
  assertMatch(answer.refusal.message, /75 of them of this store/);
  assertGreater(answer.refusal.retryAfterMs ?? 0, 0);
  await clock.advance(2 * BATCH_MS + 10);
  assertEquals(new Set(gentle.map(said)), new Set(["committed"]));
  await clock.advance(1_000);
  assertEquals(before.map(said).filter((word) => word === "committed").length, 95);
});

Deno.test("a gentle store's orders are spilled with the next write, while a flood waits for the overflow", async () => {
  const overflow = new ScriptedOverflow();
  const writer = aWriter({ overflow });
  await openCircuit(writer);
  const { clock, place } = writer;
  overflow.before = () => new Promise((done) => clock.setTimeout(done, BATCH_MS));
  const flood = Array.from({ length: 3_000 }, () => place(anOrder({ storeId: "flood" }), 60_000));
  await clock.settle();
  const gentle = place(anOrder({ storeId: "gentle" }));
  await clock.advance(2 * BATCH_MS + 10);
  assertEquals(said(gentle), "spilled");
  assertEquals(flood.map(said).filter((word) => word === "spilled").length, 399);
});
