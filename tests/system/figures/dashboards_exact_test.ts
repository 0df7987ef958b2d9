/**
 * Dashboards on two instances under load, while Redis and an instance come and go. Every frame of
 * every subscriber is compared with what the folds up to its version consumed.
 */
import { assertGreater } from "@std/assert";
import { pause, withDashboards } from "../../support/load/dashboard_run.ts";
import { type FaultRun, report } from "../../support/faults/fault_run.ts";

async function loseRedis(run: FaultRun, awayMs: number): Promise<void> {
  await run.redis.kill();
  await pause(awayMs);
  await run.redis.start();
  await run.askRedis((redis) => redis.flushall());
}

Deno.test("every frame on two instances is exact while Redis and an instance come and go", () =>
  withDashboards(async (stage) => {
    const { run, load, balancers } = stage;
    await stage.takeSeats();
    load.start();
    await pause(2_000);
    await loseRedis(run, 2_000);
    await pause(2_000);
    await stage.kill(0);
    await pause(3_000);
    await stage.startAgain(0);
    await stage.takeSeats();
    await pause(2_000);
    balancers[0]!.dropConnections(); // subscribers that went elsewhere come home
    await pause(2_000);
    await loseRedis(run, 3_000);
    await pause(3_000);

    const figures = await stage.verify();
    report("dashboards", figures);
    const { cancellations = 0, folds = 0, fewest = 0, connections = 0, members = 0 } = figures;
    assertGreater(cancellations, 100);
    assertGreater(folds, 50);
    assertGreater(fewest, 20, "frames of the member with the fewest");
    assertGreater(connections, members * 1.5, "connections, with those that resumed");
  }, { ordersPerSecond: 200 }));
