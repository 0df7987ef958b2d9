/** The answers to callers while the database is slow, silent or away. */
import { assert, assertEquals, assertGreater, assertLess } from "@std/assert";
import { errorDataOf } from "../../../client/mod.ts";
import type { PlaceInput } from "../../../client/contract/order.ts";
import { type InstanceTest, KEY, withInstance } from "../../support/services/instance.ts";
import { anInput } from "../../support/load/orders.ts";
import { withProxy } from "../../support/services/proxied_instance.ts";
import { callHttp } from "../../support/load/raw_calls.ts";
import {
  type Call,
  expectRefused,
  expectRefusedOverHttp,
  expectRefusedOverSocket,
} from "../../support/load/refusals.ts";
import { until } from "../../support/services/services.ts";

const place = (order: PlaceInput = anInput(), token: string | null = KEY): Call => ({
  type: "mutation",
  path: "orders.place",
  input: order,
  token,
});

/** Holds every order up in the database until `release` is called. */
async function holdOrders({ database }: InstanceTest): Promise<{ release(): Promise<void> }> {
  const session = database.session();
  await session`begin`;
  await session`lock table orders in access exclusive mode`;
  return { release: async () => void await session`rollback` };
}

/** Places two orders, each in its own batch, so that both lanes are busy while orders are held. */
async function beginTwoBatches(instance: InstanceTest, deadlineMs = 5_000) {
  const begun: Promise<string | undefined>[] = [];
  for (const batches of [1, 2]) {
    begun.push(outcomeOf(instance.api.orders.place.mutate(anInput({ deadlineMs }))));
    await until("a batch", async () => (await writerOf(instance)).inFlightBatches === batches);
  }
  return begun;
}

/** Lets both lanes commit an order, so that each has a connection. */
async function connectBothLanes(instance: InstanceTest): Promise<void> {
  const held = await holdOrders(instance);
  const begun = await beginTwoBatches(instance);
  await held.release();
  await Promise.all(begun);
}

async function writerOf({ api }: InstanceTest) {
  return (await api.ops.status.query()).writer;
}

async function outcomeOf(answer: Promise<{ status: string }>): Promise<string | undefined> {
  try {
    return (await answer).status;
  } catch (error) {
    return errorDataOf(error)?.reason;
  }
}

Deno.test("orders past the mailbox's bound are queue_full, those within it commit", () =>
  withInstance(async (instance) => {
    const { url, api, database } = instance;
    const held = await holdOrders(instance);
    const waiting = [anInput(), anInput(), anInput()].map((order) =>
      outcomeOf(api.orders.place.mutate(order))
    );
    // An order counts as 512 bytes plus its texts. The texts here have less than half of that.
    await until("three orders", async () => (await writerOf(instance)).queuedBytes > 3 * 512);
    await expectRefused(url, place(), "queue_full");
    const { results } = await api.orders.placeMany.mutate({ orders: [anInput(), anInput()] });
    for (const result of results) {
      assert(!result.ok && result.error.reason === "queue_full");
      assertGreater(result.error.retryAfterMs ?? 0, 0);
    }
    await held.release();
    assertEquals(await Promise.all(waiting), Array(3).fill("committed"));
    assertEquals((await database.sql`select from orders`).length, 3);
  }, { environment: { WEIR_QUEUE_MAX_ORDERS: "3" } }));

Deno.test("the mailbox is bounded in bytes as well", () =>
  withInstance(async (instance) => {
    const { url, api } = instance;
    const held = await holdOrders(instance);
    const large = () =>
      anInput({
        metadata: Object.fromEntries(
          Array.from({ length: 16 }, (_, index) => [`key ${index}`, "v".repeat(512)]),
        ),
      });
    const waiting = [large(), large()].map((order) => outcomeOf(api.orders.place.mutate(order)));
    await until("two large orders", async () => (await writerOf(instance)).queuedBytes > 16_000);
    await expectRefused(url, place(large()), "queue_full");
    const small = outcomeOf(api.orders.place.mutate(anInput()));
    await held.release();
    assertEquals(await Promise.all([...waiting, small]), Array(3).fill("committed"));
    await until("the bytes to be free", async () => (await writerOf(instance)).queuedBytes === 0);
  }, { environment: { WEIR_QUEUE_MAX_BYTES: "20KiB" } }));

Deno.test("an order that is not being stored by its deadline is deadline_exceeded", () =>
  withInstance(async (instance) => {
    const { url, database } = instance;
    const held = await holdOrders(instance);
    const begun = await beginTwoBatches(instance, 50);
    // Both lanes are busy, so the next order waits and its deadline passes.
    await expectRefused(url, place(anInput({ deadlineMs: 100 })), "deadline_exceeded");
    await held.release();
    // The two orders in the lanes were sent before their deadlines, so the instance waits for both.
    assertEquals(await Promise.all(begun), ["committed", "committed"]);
    assertEquals((await database.sql`select from orders`).length, 2);
  }));

Deno.test("while the database is away orders are circuit_open at once, reads unavailable", () =>
  withProxy(async (instance, proxy) => {
    const { url, api, createKey } = instance;
    const known = await createKey(["orders:write", "orders:read", "dashboard:read"]);
    const unknown = await createKey(["orders:write"]);
    const order = anInput();
    const { orderId } = await instance.clientOf(known.token).api.orders.place.mutate(order);
    proxy.cut();
    await until("the circuit to open", async () => {
      const outcome = await outcomeOf(api.orders.place.mutate(anInput()));
      assert(outcome === "circuit_open" || outcome === "outcome_unknown", outcome);
      return (await writerOf(instance)).circuit === "open";
    });
    assertEquals((await fetch(`${url}/readyz`).then((ready) => ready.text())).trim(), "not ready");

    const begunAt = performance.now();
    await expectRefused(url, place(anInput(), known.token), "circuit_open");
    // The instance keeps no keys of stored orders, so it refuses a repeat too.
    await expectRefused(url, place(order, known.token), "circuit_open");
    assert(performance.now() - begunAt < 1_000, "refusals wait for nothing");
    await expectRefused(url, place(anInput(), unknown.token), "unavailable");
    for (
      const [path, input] of [
        ["orders.get", { storeId: "store-1", orderId }],
        ["orders.list", { storeId: "store-1" }],
        ["dashboard.snapshot", { storeId: "store-9" }],
      ] as const
    ) {
      await expectRefused(url, { type: "query", path, input, token: known.token }, "unavailable");
    }
    const fold: Call = { type: "mutation", path: "ops.aggregate", input: undefined, token: KEY };
    // A fold that was under way when the database went ends first.
    await until("no fold to run", async () => {
      const { body } = await callHttp(url, "mutation", "ops.aggregate", undefined, KEY);
      return "error" in Object(body);
    });
    await expectRefusedOverHttp(url, fold, "unavailable");

    await proxy.mend();
    await until("orders to be taken", async () => {
      const { status } = await callHttp(url, "mutation", "orders.place", order, unknown.token);
      return status === 200;
    });
    await until(
      "the circuit to close",
      async () => (await writerOf(instance)).circuit === "closed",
    );
    assertEquals((await api.orders.place.mutate(order)).replayed, true);
    assertEquals((await instance.database.sql`select from orders`).length, 1);
  }));

Deno.test("an order whose answer was lost is outcome_unknown, and the same key finds it stored", () =>
  withProxy(async (instance, proxy) => {
    const { url, database: { sql } } = instance;
    await connectBothLanes(instance);
    const orders = [anInput({ deadlineMs: 500 }), anInput({ deadlineMs: 500 })];
    proxy.replies = "dropped";
    const begunAt = performance.now();
    const data = await Promise.all([
      expectRefusedOverHttp(url, place(orders[0]), "outcome_unknown"),
      expectRefusedOverSocket(url, place(orders[1]), "outcome_unknown"),
    ]);
    // The answer comes one statement timeout (1 s here) after the deadline. The test allows more.
    assertLess(performance.now() - begunAt, (500 + 1_000) * 3);
    for (const { retryAfterMs } of data) assertGreater(retryAfterMs ?? 0, 0);
    assertEquals((await sql`select from orders`).length, 4, "both were stored, unknown to us");
    proxy.cut();
    await proxy.mend();
    for (const order of orders) {
      await until("the first answer again", async () => {
        const answer = await callHttp(url, "mutation", "orders.place", order, KEY);
        return answer.status === 200 && answer.text.includes('"replayed":true');
      });
    }
    assertEquals((await sql`select from orders`).length, 4);
  }));

Deno.test("an instance that stops answers its orders, and tells new ones draining", () =>
  withInstance(async (instance) => {
    const { url, api, database } = instance;
    const held = await holdOrders(instance);
    const order = anInput();
    const begun = outcomeOf(api.orders.place.mutate(order));
    await until("a batch", async () => (await writerOf(instance)).inFlightBatches === 1);
    const stopping = instance.instance.stop();
    await until("the drain", async () => (await writerOf(instance)).intake === "draining");
    assertEquals((await fetch(`${url}/readyz`).then((ready) => ready.text())).trim(), "not ready");
    await expectRefused(url, place(), "draining");
    await expectRefused(url, place(order), "draining");
    await held.release();
    assertEquals(await begun, "committed");
    await stopping;
    assertEquals((await database.sql`select from orders`).length, 1);
  }));

Deno.test("a stop waits WEIR_SHUTDOWN_MS at most, and calls the remaining orders unknown", () =>
  withInstance(async (instance) => {
    const { api } = instance;
    const held = await holdOrders(instance);
    const begun = await beginTwoBatches(instance);
    begun.push(outcomeOf(api.orders.place.mutate(anInput())));
    await until("one waiting", async () => (await writerOf(instance)).queuedOrders === 1);
    const begunAt = performance.now();
    await instance.instance.stop();
    assert(performance.now() - begunAt < 5_000, "the stop is bounded");
    assertEquals(await Promise.all(begun), ["outcome_unknown", "outcome_unknown", "draining"]);
    await held.release();
  }, { environment: { WEIR_SHUTDOWN_MS: "300" } }));
