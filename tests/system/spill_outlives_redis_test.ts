/** Redis killed while it alone holds acknowledged orders. */
import { assertEquals, assertGreater } from "@std/assert";
import { report, statusOf, withFaults } from "../support/fault_run.ts";
import { outcomeOf } from "../support/history.ts";
import { until } from "../support/services.ts";

const ORDERS = 2_000;

Deno.test("2,000 spilled orders outlive a kill -9 of Redis and are all committed once", () =>
  withFaults(async (run) => {
    const { url } = await run.instance();
    const load = run.load({ urls: () => [url], ratePerSecond: 400, repeats: 0 });
    const { attempts } = load.history;
    await run.postgres.kill();
    load.start();
    await until("2,000 spilled orders", async () => await run.spilled() >= ORDERS, 60_000);
    // Killed while more are coming: what it was writing at that moment is part of the proof.
    await run.redis.kill();
    const killedAt = performance.now();
    await until(
      "the buffer to be missed",
      async () => (await statusOf(url)).spill.state === "unavailable",
    );
    await load.stop(3_000);
    const acknowledged = new Set(
      attempts.filter(({ answer }) => outcomeOf(answer) === "spilled").map(({ key }) => key),
    );
    await run.redis.start();
    const kept = await run.spilled();
    await run.postgres.start();
    const backAt = performance.now();
    await run.verify(load);
    const emptyMs = performance.now() - backAt;

    const { orders } = await run.stored();
    const committed = new Set(orders.map(({ key }) => key));
    report("kill -9 of Redis with spilled orders", {
      seed: load.history.seed,
      acknowledged: acknowledged.size,
      kept,
      awayMs: Math.round(backAt - killedAt),
      emptyMs: Math.round(emptyMs),
      outcomes: load.history.outcomes(),
    });
    assertGreater(acknowledged.size, ORDERS - 1);
    assertEquals([...acknowledged].filter((key) => !committed.has(key)), []);
    assertEquals(orders.length, committed.size);
  }));
