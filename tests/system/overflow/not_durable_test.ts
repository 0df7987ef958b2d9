/** An order is never called spilled while Redis may lose it, in a crash or in a failover. */
import { assertEquals, assertGreater } from "@std/assert";
import type { FaultLoad } from "../../support/faults/fault_load.ts";
import { type FaultRun, report, statusOf, withFaults } from "../../support/faults/fault_run.ts";
import { outcomeOf } from "../../support/recount/history.ts";
import { withReplicatedRedis } from "../../support/services/replicated_redis.ts";
import {
  type ServerProcess,
  type Settings,
  startRedis,
} from "../../support/services/server_process.ts";
import { until } from "../../support/services/services.ts";

const SETTINGS: readonly Settings[] = [
  { appendfsync: "everysec" },
  { appendfsync: "no" },
  { appendonly: "no" },
  { "no-appendfsync-on-rewrite": "yes" },
  { "maxmemory-policy": "allkeys-lru" },
  { "maxmemory-policy": "volatile-ttl" },
];

const spillState = async (url: string) => (await statusOf(url)).spill.state;

/** Expects that Redis in its present state takes no order, under load and without a database. */
async function expectUnused(
  run: FaultRun,
  load: FaultLoad,
  url: string,
  what: string,
): Promise<number> {
  await until(
    `the overflow to be called not durable, ${what}`,
    async () => await spillState(url) === "not_durable",
  );
  await load.answered(50); // orders on their way to the overflow have arrived
  const sentAt = performance.now();
  const before = await run.spilled();
  await load.answered(100);
  assertEquals(await run.spilled(), before, what);
  assertEquals(await spillState(url), "not_durable", what);
  const meanwhile = load.history.attempts.filter((attempt) => attempt.sentAt > sentAt);
  const told = Object.groupBy(meanwhile, ({ answer }) => outcomeOf(answer));
  assertEquals(Object.keys(told), ["circuit_open"], what);
  return meanwhile.length;
}

Deno.test("an order is never called spilled while a setting lets Redis forget it", () =>
  withFaults(async (run) => {
    const service = await run.instance();
    const { url } = service;
    await service.says(/(Redis|Valkey) \d\S+: orders wait in it while the database is out/);
    // Each caller sends once: callers that send again would add up while the database is out.
    const load = run.load({ urls: () => [url], ratePerSecond: 200, once: 1 });
    load.start();
    await load.answered(100);
    const refused: Record<string, number> = {};
    for (const settings of SETTINGS) {
      await run.redis.stop();
      await run.redis.start(settings);
      if (run.postgres.runs) { // the database goes away after the first setting
        await until(
          "the overflow to be called not durable",
          async () => await spillState(url) === "not_durable",
        );
        await run.postgres.kill();
        await until(
          "the circuit to open",
          async () => (await statusOf(url)).writer.circuit === "open",
        );
      }
      const what = JSON.stringify(settings);
      refused[what] = await expectUnused(run, load, url, what);
    }
    assertEquals(await run.spilled(), 0, "no setting so far was durable");
    await run.redis.stop();
    await run.redis.start();
    await until("a durable Redis to be used", async () => await run.spilled() > 100);

    let replica: ServerProcess | undefined;
    try {
      replica = await startRedis({ replicaof: `127.0.0.1 ${run.redis.port}` });
      const what = "with a replica that this Redis cannot wait for";
      refused["a replica"] = await expectUnused(run, load, url, what);
    } finally {
      await replica?.dispose();
    }
    const before = await run.spilled();
    await until("Redis without the replica to be used", async () => await run.spilled() > before);
    await run.postgres.start();
    await run.verify(load);
    report("Redis that is not durable", { ...load.figures, refused });
    for (const count of Object.values(refused)) assertGreater(count, 50);
  }));

Deno.test("an order is never called spilled while the replica does not confirm it", () =>
  withReplicatedRedis(({ master, startReplica }) =>
    withFaults(async (run) => {
      const { url } = await run.instance();
      const load = run.load({ urls: () => [url], ratePerSecond: 200, once: 1 });
      load.start();
      await load.answered(100);
      await run.postgres.kill();
      const replica = await startReplica();
      const refused: Record<string, number> = {};
      const used = async (what: string) => {
        const before = await run.spilled();
        await until(`a Redis ${what} to be used`, async () => await run.spilled() > before + 100);
      };

      await used("with a replica that syncs");
      await replica.freeze();
      const frozenAt = performance.now();
      refused.frozen = await expectUnused(run, load, url, "with a replica that is stopped");
      const meanwhile = load.history.attempts.filter(({ sentAt }) => sentAt > frozenAt);
      const acknowledged = meanwhile.filter(({ answer }) => outcomeOf(answer) === "spilled");
      assertEquals(acknowledged, [], "acknowledged since the replica was frozen");
      await replica.thaw();
      await used("whose replica is back");

      await replica.stop();
      await replica.start({ appendonly: "no" });
      refused.fileless = await expectUnused(run, load, url, "with a replica that keeps no file");
      await replica.stop();
      await used("that is alone again");

      await run.postgres.start();
      await run.verify(load);
      report("replicas that do not confirm", { ...load.figures, refused });
      for (const count of Object.values(refused)) assertGreater(count, 50);
    }, { redisUrl: master.url })
  ));
