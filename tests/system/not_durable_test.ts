/** A Redis that does not keep every write on disk is never given an order. */
import { assertEquals, assertGreater } from "@std/assert";
import type { FaultLoad } from "../support/fault_load.ts";
import { type FaultRun, report, statusOf, withFaults } from "../support/fault_run.ts";
import { outcomeOf } from "../support/history.ts";
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
async function expectUnused(
  run: FaultRun,
  load: FaultLoad,
  url: string,
  what: string,
): Promise<number> {
  await until(
    `the buffer to be called not durable, ${what}`,
    async () => await spillState(url) === "not_durable",
  );
  await load.answered(50); // what was on its way to the buffer has reached it
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

Deno.test("no order is called spilled while Redis may forget it, whatever setting allows that", () =>
  withFaults(async (run) => {
    const { url } = await run.instance();
    // Each sends once, since callers who wait for the database would add up.
    const load = run.load({ urls: () => [url], ratePerSecond: 200, once: 1 });
    load.start();
    await load.answered(100);
    const refused: Record<string, number> = {};
    for (const settings of SETTINGS) {
      await run.redis.stop();
      await run.redis.start(settings);
      if (run.postgres.runs) { // from now on it is away
        await until(
          "the buffer to be looked at",
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
    assertEquals(await run.spilled(), 0, "until now no Redis could be trusted");
    await run.redis.stop();
    await run.redis.start();
    await until("a durable Redis to be used", async () => await run.spilled() > 100);

    let replica: ServerProcess | undefined;
    try {
      replica = await startRedis({ replicaof: `127.0.0.1 ${run.redis.port}` });
      const what = "with a replica that is not waited for";
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
