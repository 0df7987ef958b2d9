/**
 * The overflow on a Redis with replicas: an order is called spilled only when a replica has
 * confirmed it. Replicas may come and go between two checks of the overflow.
 */
import { systemClock } from "../../../actors/clock.ts";
import { Hints } from "../../../server/telemetry/hints.ts";
import { assert, assertEquals, assertRejects } from "@std/assert";
import { OverflowUnreachable } from "../../../actors/order_writer/group_spill.ts";
import { closeRedis, openRedis } from "../../../server/redis/connection.ts";
import { type OverflowMode, RedisOverflow } from "../../../server/overflow/redis_overflow.ts";
import { anOrder } from "../../support/load/orders.ts";
import {
  type ReplicatedRedis,
  withReplicatedRedis,
} from "../../support/services/replicated_redis.ts";
import { until } from "../../support/services/services.ts";

/** Runs `test` with the overflows of two instances, before their first check. */
function withOverflows(
  test: (servers: ReplicatedRedis, one: RedisOverflow, two: RedisOverflow) => Promise<void>,
  mode: OverflowMode = "auto",
): Promise<void> {
  return withReplicatedRedis(async (servers) => {
    const bounds = {
      prefix: "weir",
      maxOrders: 1_000,
      maxBytes: 1 << 20,
      hints: new Hints(systemClock.now),
    };
    const connections = ["one", "two"].map((name) => openRedis(servers.master.url, name));
    const [one, two] = connections.map((redis) => new RedisOverflow({ redis, mode, ...bounds }));
    try {
      await test(servers, one!, two!);
    } finally {
      await Promise.all([one!.stop(), two!.stop()]);
      await Promise.all(connections.map(closeRedis));
    }
  });
}

/** Resolves right after a check, so that the next one is 2 s away. */
async function checked({ ask }: ReplicatedRedis): Promise<void> {
  const checks = () =>
    ask(async (redis) => /cmdstat_xlen:calls=(\d+)/.exec(await redis.info("commandstats"))?.[1]);
  const before = await checks();
  await until("a check", async () => await checks() !== before);
}

/** Expects that the write fails although it was sent. */
async function assertUnknown(write: Promise<unknown>): Promise<void> {
  const error = await assertRejects(() => write);
  assert(!(error instanceof OverflowUnreachable), "the outcome of the write is unknown");
}

Deno.test("a write is acknowledged when a replica has synced it, and unknown until then", () =>
  withOverflows(async (servers, one, two) => {
    const replica = await servers.startReplica();
    for (const overflow of [one, two]) {
      overflow.start();
      await until("the overflow to be ready", () => overflow.isReady());
    }
    const [first, second] = [anOrder(), anOrder()];
    assertEquals((await one.write([first])).get(first.orderId)?.outcome, "spilled");

    await replica.freeze();
    // The second instance finds what the first one has written, and adds nothing.
    const writes = Promise.all(
      [one, two].map((overflow) => assertUnknown(overflow.write([second]))),
    );
    let ended = false;
    writes.finally(() => ended = true).catch(() => undefined); // awaited below
    await until(
      "the first order to be recalled",
      async () => (await one.recall([first.orderId])).size === 1,
    );
    assertEquals((await one.find(first.orderId))?.orderId, first.orderId);
    assert(!ended, "recall() and find() answered while the connection waited for the replica");
    await writes;
    assertEquals([one.state, two.state], ["not_durable", "not_durable"]);

    await replica.thaw();
    await until("the overflow to be ready again", () => one.isReady());
    const again = (await one.write([second])).get(second.orderId);
    assert(again?.outcome === "spilled" && !again.isNew, "the order was there already");
  }));

Deno.test("a replica that joined since the latest check has to confirm, and cannot without a file", () =>
  withOverflows(async (servers, overflow, fresh) => {
    const replica = await servers.startReplica({ appendonly: "no", replicaof: "no one" });
    overflow.start();
    await until("the overflow to be ready", () => overflow.isReady());
    await checked(servers);
    await servers.ask((redis) => redis.replicaof("127.0.0.1", servers.master.port), replica);
    await until("the replica to be listed", async () => await servers.listed() === 1);
    assert(overflow.isReady(), "there was no check meanwhile");
    await assertUnknown(overflow.write([anOrder()]));
    fresh.start(); // WAITAOF always succeeds on a connection that has written nothing
    await until("the first check", () => fresh.state !== "unavailable");
    assertEquals([overflow.state, fresh.state], ["not_durable", "not_durable"]);
    await replica.stop();
    await until("the overflow to be ready without the replica", () => overflow.isReady());
    await overflow.write([anOrder()]);
  }));

Deno.test("a replica that left since the latest check must confirm: it may be the next master", () =>
  withOverflows(async (servers, overflow) => {
    const replica = await servers.startReplica();
    overflow.start();
    await until("the overflow to be ready", () => overflow.isReady());
    await checked(servers);
    await servers.ask((redis) => redis.replicaof("NO", "ONE"), replica);
    await until("the replica to be gone", async () => await servers.listed() === 0);
    assert(overflow.isReady(), "there was no check meanwhile");
    await assertUnknown(overflow.write([anOrder()]));
  }));

Deno.test("a Redis that became a replica since the latest check acknowledges nothing", () =>
  withOverflows(async (servers, overflow) => {
    overflow.start();
    await until("the overflow to be ready", () => overflow.isReady());
    await checked(servers);
    await servers.ask(async (redis) => {
      await redis.config("SET", "replica-read-only", "no"); // Redis would take the write
      await redis.replicaof("127.0.0.1", 1);
    });
    assert(overflow.isReady(), "there was no check meanwhile");
    await assertUnknown(overflow.write([anOrder()]));
    assertEquals(overflow.state, "not_durable");
  }));

Deno.test("the overflow is not used without the replica that `min-replicas-to-write` asks for", () =>
  withOverflows(async (servers, overflow) => {
    await servers.ask((redis) => redis.config("SET", "min-replicas-to-write", 1));
    overflow.start();
    await until("the first check", () => overflow.state === "not_durable");
    await servers.startReplica();
    await until("the overflow to be ready", () => overflow.isReady());
    await overflow.write([anOrder()]);
  }));

Deno.test("a trusted Redis is not asked about its replicas", () =>
  withOverflows(async (servers, overflow) => {
    await servers.startReplica({ appendonly: "no" });
    await until("the replica to be listed", async () => await servers.listed() === 1);
    overflow.start();
    await until("the overflow to be ready", () => overflow.isReady());
    const order = anOrder();
    assertEquals((await overflow.write([order])).get(order.orderId)?.outcome, "spilled");
  }, "trust"));
