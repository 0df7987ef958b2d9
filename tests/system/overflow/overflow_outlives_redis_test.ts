/** Redis is killed while it alone holds acknowledged orders. */
import { assertEquals, assertLess } from "@std/assert";
import { report, statusOf, withFaults } from "../../support/faults/fault_run.ts";
import { until } from "../../support/services/services.ts";

const ORDERS = 2_000;

Deno.test("2,000 spilled orders outlive a kill -9 of Redis and are all committed once", () =>
  withFaults(async (run) => {
    const { url } = await run.instance();
    // Most callers send once: callers that send again would add up while both servers are out.
    const load = run.load({ urls: () => [url], ratePerSecond: 400, once: 0.9 });
    const acknowledged = () => load.history.acknowledged("spilled");
    await run.postgres.kill();
    load.start();
    await until("2,000 spilled orders", () => acknowledged().size >= ORDERS, 60_000);
    // Orders are still arriving, so Redis is killed while it writes some of them.
    await run.redis.kill();
    const killedAt = performance.now();
    await until(
      "the overflow to be called unavailable",
      async () => (await statusOf(url)).spill.state === "unavailable",
    );
    const before = acknowledged();
    await run.redis.start();
    const kept = await run.spilledIds();
    assertEquals(
      [...before].filter((id) => !kept.has(id)),
      [],
      "acknowledged, but forgotten by Redis",
    );
    await until("more spilled orders", () => acknowledged().size > before.size + 100);
    await run.postgres.start();
    const backAt = performance.now();
    const emptyMs = await run.drained();
    await run.verify(load);

    const { orders } = await run.stored();
    const committed = new Set(orders.map(({ orderId }) => orderId));
    report("kill -9 of Redis with spilled orders", {
      ...load.figures,
      acknowledged: before.size,
      kept: kept.size,
      awayMs: Math.round(backAt - killedAt),
      emptyMs,
    });
    assertEquals([...acknowledged()].filter((id) => !committed.has(id)), []);
    assertEquals(orders.length, committed.size);
    assertLess(emptyMs, 30_000, "milliseconds until the overflow was empty");
  }));
