/** Redis is lost for good with orders that the database does not have. Its replica replaces it. */
import { assertEquals, assertLess } from "@std/assert";
import { pause } from "../../../sql/waiting.ts";
import { report, statusOf, withFaults } from "../../support/faults/fault_run.ts";
import { withReplicatedRedis } from "../../support/services/replicated_redis.ts";
import { until } from "../../support/services/services.ts";
import { WireProxy } from "../../support/faults/wire_proxy.ts";

const ORDERS = 1_000;
const BEHIND_MS = 500;
const LATE = "written when the replica was behind";

Deno.test("1,000 spilled orders outlive their Redis: the replica that confirmed them has them all", () =>
  withReplicatedRedis(async ({ master, startReplica }) => {
    const proxy = WireProxy.to(master.url);
    try {
      await withFaults(async (run) => {
        const replica = await startReplica();
        const { url } = await run.instance();
        // Most callers send once: callers that send again would add up while both servers are out.
        const load = run.load({ urls: () => [url], ratePerSecond: 200, once: 0.9 });
        const acknowledged = () => load.history.acknowledged("spilled");
        await run.postgres.kill();
        load.start();
        await until("1,000 spilled orders", () => acknowledged().size >= ORDERS, 60_000);
        // The replica falls behind, and both servers are killed before it has caught up.
        await replica.freeze();
        await run.askRedis((redis) => redis.set(LATE, 1));
        await pause(BEHIND_MS);
        await Promise.all([master.kill(), replica.kill()]);
        const killedAt = performance.now();
        await until(
          "the overflow to be called unavailable",
          async () => (await statusOf(url)).spill.state === "unavailable",
        );
        const before = acknowledged();
        await replica.start({ replicaof: "no one" });
        proxy.redirect(replica.url);
        const kept = await run.spilledIds();
        assertEquals(
          [...before].filter((id) => !kept.has(id)),
          [],
          "acknowledged, but not in the replica",
        );
        assertEquals(
          await run.askRedis((redis) => redis.exists(LATE)),
          0,
          "the replica was behind",
        );
        await until("more spilled orders", () => acknowledged().size > before.size + 100);
        const backMs = Math.round(performance.now() - killedAt);
        await run.postgres.start();
        const emptyMs = await run.drained();
        await run.verify(load);

        const { orders } = await run.stored();
        const committed = new Set(orders.map(({ orderId }) => orderId));
        report("Redis lost with spilled orders", {
          ...load.figures,
          acknowledged: before.size,
          kept: kept.size,
          backMs,
          emptyMs,
        });
        assertEquals([...acknowledged()].filter((id) => !committed.has(id)), []);
        assertEquals(orders.length, committed.size);
        assertLess(emptyMs, 30_000, "milliseconds until the overflow was empty");
      }, { redisUrl: proxy.through(master.url) });
    } finally {
      await proxy.close();
    }
  }));
