/** Sentinels promote a replica while orders wait in the overflow. */
import { assertGreater, assertNotEquals } from "@std/assert";
import { report, withFaults } from "../support/faults/fault_run.ts";
import { withSentinels } from "../support/programs/sentinels.ts";
import { until } from "../support/services/services.ts";

const SPILLED = 2_000;

Deno.test("a master of Redis that dies with 2,000 spilled orders loses none of them", () =>
  withSentinels((redis) =>
    withFaults(async (run) => {
      const service = await run.instance();
      const load = run.load({ urls: () => [service.url] });
      load.start();
      await load.answered(200);
      await run.postgres.kill();
      await until(
        "the orders to be spilled",
        async () => await run.spilled() > SPILLED,
        60_000,
      );

      // The first sentinel dies with its master: the others are asked.
      await redis.sentinels[0]!.kill();
      await redis.master.kill();
      const killedAt = performance.now();
      await until(
        "another master",
        async () => await redis.masterPort() !== redis.master.port,
        60_000,
      );
      const promotedMs = Math.round(performance.now() - killedAt);
      const spilled = () => run.spilled().catch(() => null); // it is being promoted
      const before = await until("the new master to answer", spilled);
      assertGreater(before, SPILLED, "the new master has them");
      await until("more orders to be spilled", async () => await run.spilled() > before + 100);
      const spilledAgainMs = Math.round(performance.now() - killedAt);

      await run.postgres.start();
      await run.verify(load);
      assertNotEquals(await redis.masterPort(), redis.master.port);
      report("a master of Redis that dies", {
        ...load.figures,
        before,
        promotedMs,
        spilledAgainMs,
      });
    }, {
      redisUrl: redis.url,
      redisNow: async () => `redis://127.0.0.1:${await redis.masterPort()}`,
    })
  ));
