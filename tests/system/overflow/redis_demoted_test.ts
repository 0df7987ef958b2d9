/**
 * Redis fails over behind one address. The old connections stay open to the old master, which is a
 * replica now. Every connection must be made anew, and the orders must be drained.
 */
import { assert, assertEquals, assertLess } from "@std/assert";
import { type FaultRun, report, statusOf, withFaults } from "../../support/faults/fault_run.ts";
import { WireProxy } from "../../support/faults/wire_proxy.ts";
import { outcomeOf } from "../../support/recount/history.ts";
import { withReplicatedRedis } from "../../support/services/replicated_redis.ts";
import { type ServerProcess, startRedis } from "../../support/services/server_process.ts";
import { until } from "../../support/services/services.ts";

const ORDERS = 30;
const DRAINED_MS = 10_000;
/** The status may be this old. */
const STATUS_MS = 2_500;

/** Makes `replica` the master and `primary` its replica. Connections that are open stay open. */
async function failOver(
  proxy: WireProxy,
  primary: ServerProcess,
  replica: ServerProcess,
  ask: (server: ServerProcess, ...words: string[]) => Promise<unknown>,
): Promise<void> {
  await ask(replica, "REPLICAOF", "NO", "ONE");
  proxy.redirect(replica.url);
  await ask(primary, "REPLICAOF", "127.0.0.1", String(replica.port));
}

interface Stage {
  readonly run: FaultRun;
  readonly proxy: WireProxy;
  readonly primary: ServerProcess;
  readonly replica: ServerProcess;
  readonly mode: string;
}

async function expectDrained({ run, proxy, primary, replica, mode }: Stage): Promise<void> {
  const ask = (server: ServerProcess, ...words: string[]) =>
    run.askRedis((redis) => redis.call(...words as [string]), server.url);
  const { url } = await run.instance({ WEIR_SPILL: mode, REDIS_URL: proxy.through(primary.url) });
  await until("the overflow", async () => (await statusOf(url)).spill.state === "ready");
  const load = run.load({ urls: () => [url] });
  await run.postgres.kill();
  const orders = Array.from({ length: ORDERS }, () => load.newOrder());
  const answers = await load.attemptMany(orders, url);
  assertEquals(new Set(answers.map(outcomeOf)), new Set(["spilled"]));
  const synced = async () => await run.spilled() === ORDERS;
  await until("the replica to have the orders", synced);

  await failOver(proxy, primary, replica, ask);
  const at = performance.now();
  // The status may be `STATUS_MS` old, and call ready a Redis that takes no writes any more.
  const more = load.attempt(load.newOrder(), url);
  const backMs = await until("the overflow of the new primary", async () => {
    const [, connections] = /connected_clients:(\d+)/.exec(
      String(await ask(replica, "INFO", "clients")),
    ) ?? [];
    const { spill } = await statusOf(url);
    const ms = performance.now() - at;
    if (Number(connections) < 3) assert(spill.state !== "ready" || ms < STATUS_MS, `${ms} ms`);
    return Number(connections) >= 3 && spill.state === "ready" ? Math.round(ms) : null;
  });
  await more;
  await run.postgres.start();
  const begunAt = performance.now();
  await until("the new primary's overflow to be empty", async () => await run.spilled() === 0);
  const drainedMs = Math.round(performance.now() - begunAt);
  report(`a demoted Redis, ${mode}`, { backMs, drainedMs });
  assertLess(drainedMs, DRAINED_MS);
  assertEquals(await run.rowsOf(orders), ORDERS);
  await run.verify(load);
}

Deno.test("spilled orders are drained after a failover behind one address, with a Redis that is trusted", async () => {
  const primary = await startRedis();
  const replica = await startRedis({ replicaof: `127.0.0.1 ${primary.port}` });
  const proxy = WireProxy.to(primary.url);
  try {
    await withFaults(
      (run) => expectDrained({ run, proxy, primary, replica, mode: "trust" }),
      { redisUrl: replica.url },
    );
  } finally {
    await proxy.close();
    await replica.dispose();
    await primary.dispose();
  }
});

Deno.test("spilled orders are drained after a failover behind one address, with a replica that confirms", () =>
  withReplicatedRedis(async ({ master, startReplica }) => {
    const replica = await startReplica();
    const proxy = WireProxy.to(master.url);
    try {
      await withFaults(
        (run) => expectDrained({ run, proxy, primary: master, replica, mode: "auto" }),
        { redisUrl: replica.url },
      );
    } finally {
      await proxy.close();
    }
  }));
