/** The overflow in a Redis Cluster, whose slot moves to another node while orders wait. */
import { assertEquals, assertGreater } from "@std/assert";
import { overflowKeys } from "../../server/overflow/scripts.ts";
import { report, statusOf, withFaults } from "../support/faults/fault_run.ts";
import { LiveFeed } from "../support/load/live_feed.ts";
import { withCluster } from "../support/programs/cluster.ts";
import { createTestClient, KEY } from "../support/services/instance.ts";
import { until } from "../support/services/services.ts";

Deno.test("a slot of a Redis Cluster that moves with spilled orders loses none of them", () =>
  withCluster((cluster) =>
    withFaults(async (run) => {
      const service = await run.instance({ WEIR_RATE_LIMIT_PER_SECOND: "10000" });
      const client = createTestClient(service.url, KEY);
      const feed = new LiveFeed(client.api, {});
      const load = run.load({ urls: () => [service.url] });
      load.start();
      await feed.reaches(({ currencies }) => currencies.length > 0);
      await load.answered(300);
      const { bus, spill, problems } = await statusOf(service.url);
      assertEquals([bus.state, spill.state], ["redis", "ready"]);
      assertEquals(problems.map(({ name }) => name), [], "nothing goes to a wrong node");
      await run.postgres.kill();
      await until("orders to be spilled", async () => await run.spilled() > 500);

      const { stream, records, bytes } = overflowKeys(run.prefix);
      const movedAt = performance.now();
      await cluster.moveSlot([stream, records, bytes]);
      const before = await run.spilled();
      assertGreater(before, 500, "the other node has them");
      await until("more orders to be spilled", async () => await run.spilled() > before + 100);
      const spilledAgainMs = Math.round(performance.now() - movedAt);

      await run.postgres.start();
      await run.verify(load);
      report("a slot of a cluster moves", { ...load.figures, before, spilledAgainMs });
      feed.end();
      await client.close();
    }, { redisUrl: cluster.url })
  ));
