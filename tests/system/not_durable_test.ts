/** A Redis that does not keep every write on disk is never given an order. */
import { assertEquals, assertGreater } from "@std/assert";
import { type FaultRun, report, statusOf, withFaults } from "../support/fault_run.ts";
import { type ServerProcess, type Settings, startRedis } from "../support/server_process.ts";
import { until } from "../support/services.ts";

const SETTINGS: readonly Settings[] = [
  { appendfsync: "everysec" },
  { appendfsync: "no" },
  { appendonly: "no" },
  { "no-appendfsync-on-rewrite": "yes" },
  { "maxmemory-policy": "allkeys-lru" },
  { "maxmemory-policy": "volatile-ttl" },
];

const spillState = async (url: string) => (await statusOf(url)).spill.state;

/** Under load and with the database away, Redis as it is now must not be used. */
async function expectUnused(run: FaultRun, url: string, what: string): Promise<number> {
  await until(
    `the buffer to be called not durable, ${what}`,
    async () => await spillState(url) === "not_durable",
  );
  const load = run.load({ urls: () => [url], ratePerSecond: 200, once: 1 });
  load.start();
  await until("100 answers", () => load.history.attempts.length > 100);
  assertEquals(await spillState(url), "not_durable", what);
  await load.stop();
  const outcomes = load.history.outcomes();
  assertEquals(outcomes["spilled"], undefined, what);
  assertEquals(outcomes["committed"], undefined, what);
  return outcomes["circuit_open"] ?? 0;
}

Deno.test("no order is called spilled while Redis may forget it, whatever setting allows that", () =>
  withFaults(async (run) => {
    const { url } = await run.instance();
    await run.postgres.kill();
    const refused: Record<string, number> = {};
    for (const settings of SETTINGS) {
      await run.redis.stop();
      await run.redis.start(settings);
      const what = JSON.stringify(settings);
      refused[what] = await expectUnused(run, url, what);
    }
    await run.redis.stop();
    await run.redis.start();
    await until("a durable Redis to be used", async () => await spillState(url) === "ready");
    assertEquals(await run.spilled(), 0);

    let replica: ServerProcess | undefined;
    try {
      replica = await startRedis({ replicaof: `127.0.0.1 ${run.redis.port}` });
      refused["a replica"] = await expectUnused(run, url, "with a replica that is not waited for");
    } finally {
      await replica?.dispose();
    }
    await until(
      "Redis without the replica to be used",
      async () => await spillState(url) === "ready",
    );
    report("Redis that is not durable", { refused });
    for (const count of Object.values(refused)) assertGreater(count, 50);
  }));
