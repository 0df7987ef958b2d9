/** The rate of a key as its callers and its operator meet it. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { anInput, manyLines } from "../../support/load/orders.ts";
import { expectRefused } from "../../support/load/refusals.ts";
import { type InstanceTest, withInstance } from "../../support/services/instance.ts";

/** So slow that no order more passes while a test runs. */
const SLOW = { WEIR_RATE_LIMIT_PER_SECOND: "1", WEIR_RATE_LIMIT_BURST: "6" };

async function used(instance: InstanceTest) {
  const key = await instance.createKey(["orders:write", "orders:read", "ops"]);
  return { ...key, api: instance.clientOf(key.token).api };
}

Deno.test("placeMany takes the orders that its key has room for, and refuses the rest one by one", () =>
  withInstance(async (instance) => {
    const { token, api } = await used(instance);
    const orders = Array.from({ length: 10 }, () => anInput());
    const { results } = await api.orders.placeMany.mutate({
      orders: [orders[0]!, anInput({ lines: [] }), ...orders.slice(1)],
    });
    const said = results.map((result) => result.ok ? result.status : result.error.reason);
    assertEquals(said, [
      "committed",
      "invalid_input", // it costs nothing
      ...Array(5).fill("committed"),
      ...Array(4).fill("rate_limited"),
    ]);
    const waits = results.flatMap((result) =>
      result.ok || result.error.reason !== "rate_limited" ? [] : [result.error.retryAfterMs ?? 0]
    );
    waits.forEach((ms, index) => assert(ms > index * 1_000 && ms <= (index + 1) * 1_000, `${ms}`));
    const call = { type: "mutation", path: "orders.place", token } as const;
    const large = anInput({ lines: manyLines(50) }); // it needs the whole burst, which takes 6 s
    await expectRefused(instance.url, { ...call, input: large }, "rate_limited");
    const { orders: stored } = await api.orders.list.query({ storeId: "store-1", limit: 50 });
    assertEquals(stored.length, 6);
    const other = await used(instance);
    assertEquals((await other.api.orders.place.mutate(orders[9]!)).status, "committed");
    const metrics = await (await fetch(`${instance.url}/metrics`)).text();
    assertMatch(metrics, /^weir_orders_total\{outcome="rate_limited"\} 6$/m);
    assertMatch(metrics, /^weir_shed_total\{reason="rate_limited"\} 6$/m);
  }, { environment: SLOW }));

Deno.test("repeats and cancellations count for the rate of a key, and reads do not", () =>
  withInstance(async (instance) => {
    const { token, api } = await used(instance);
    const input = anInput({ lines: manyLines(200) }); // it costs 40 orders, from a burst of 6
    const { orderId } = await api.orders.place.mutate(input);
    const call = { type: "mutation", path: "orders.place", input, token } as const;
    const { retryAfterMs = 0 } = await expectRefused(instance.url, call, "rate_limited");
    assert(retryAfterMs > 10_000 && retryAfterMs <= 40_000, `${retryAfterMs}`);
    const order = { storeId: "store-1", orderId };
    const cancel = { ...call, path: "orders.cancel", input: order };
    await expectRefused(instance.url, cancel, "rate_limited");
    assertEquals((await api.orders.get.query(order)).status, "committed");

    const other = await used(instance);
    const cancelled = await Promise.allSettled(
      Array.from({ length: 20 }, () => other.api.orders.cancel.mutate(order)),
    );
    const passed = cancelled.filter(({ status }) => status === "fulfilled").length;
    assert(passed >= 6 && passed < 15, `${passed} cancellations, from a burst of 6`);
    assertEquals((await api.orders.get.query(order)).status, "cancelled");
  }, { environment: SLOW }));
