/**
 * The overflow buffer on a Redis that has replicas: what is said of a write is what one of them has
 * confirmed, whatever happened since the buffer was last looked at.
 */
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

/** Runs `test` with the buffers of two instances, before their first look. */
function withBuffers(
  test: (servers: ReplicatedRedis, one: RedisOverflow, two: RedisOverflow) => Promise<void>,
  mode: OverflowMode = "auto",
): Promise<void> {
  return withReplicatedRedis(async (servers) => {
    const bounds = { prefix: "weir", maxOrders: 1_000, maxBytes: 1 << 20 };
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

/** Resolves right after a look, so that the next one is 2 s away. */
async function looked({ ask }: ReplicatedRedis): Promise<void> {
  const looks = () =>
    ask(async (redis) => /cmdstat_xlen:calls=(\d+)/.exec(await redis.info("commandstats"))?.[1]);
  const before = await looks();
  await until("a look", async () => await looks() !== before);
}

/** The write fails, and not because nothing was sent. */
async function assertUnknown(write: Promise<unknown>): Promise<void> {
  const error = await assertRejects(() => write);
  assert(!(error instanceof OverflowUnreachable), "its outcome is unknown");
}

Deno.test("a write is acknowledged when a replica has synced it, and unknown until then", () =>
  withBuffers(async (servers, one, two) => {
    const replica = await servers.startReplica();
    for (const spill of [one, two]) {
      spill.start();
      await until("the buffer to be ready", () => spill.isReady());
    }
    const [first, second] = [anOrder(), anOrder()];
    assertEquals((await one.write([first])).get(first.orderId)?.outcome, "spilled");

    await replica.freeze();
    // The second instance finds what the first one has written, and adds nothing.
    const writes = Promise.all([one, two].map((spill) => assertUnknown(spill.write([second]))));
    let ended = false;
    writes.finally(() => ended = true).catch(() => undefined); // awaited below
    await until("it to be recalled", async () => (await one.recall([first.orderId])).size === 1);
    assertEquals((await one.find(first.orderId))?.orderId, first.orderId);
    assert(!ended, "both answered while the connection waited for the replica");
    await writes;
    assertEquals([one.state, two.state], ["not_durable", "not_durable"]);

    await replica.thaw();
    await until("the buffer to be ready again", () => one.isReady());
    const again = (await one.write([second])).get(second.orderId);
    assert(again?.outcome === "spilled" && !again.isNew, "it was there already");
  }));

Deno.test("a replica that has come since the latest look has to confirm, and cannot without a file", () =>
  withBuffers(async (servers, spill, fresh) => {
    const replica = await servers.startReplica({ appendonly: "no", replicaof: "no one" });
    spill.start();
    await until("the buffer to be ready", () => spill.isReady());
    await looked(servers);
    await servers.ask((redis) => redis.replicaof("127.0.0.1", servers.master.port), replica);
    await until("the replica to be listed", async () => await servers.listed() === 1);
    assert(spill.isReady(), "nobody has looked");
    await assertUnknown(spill.write([anOrder()]));
    fresh.start(); // of a connection that has written nothing WAITAOF would say the best
    await until("its first look", () => fresh.state !== "unavailable");
    assertEquals([spill.state, fresh.state], ["not_durable", "not_durable"]);
    await replica.stop();
    await until("the buffer to be ready without", () => spill.isReady());
    await spill.write([anOrder()]);
  }));

Deno.test("a replica that has left since the latest look is waited for: it may be the next master", () =>
  withBuffers(async (servers, spill) => {
    const replica = await servers.startReplica();
    spill.start();
    await until("the buffer to be ready", () => spill.isReady());
    await looked(servers);
    await servers.ask((redis) => redis.replicaof("NO", "ONE"), replica);
    await until("the replica to be gone", async () => await servers.listed() === 0);
    assert(spill.isReady(), "nobody has looked");
    await assertUnknown(spill.write([anOrder()]));
  }));

Deno.test("a Redis that became a replica since the latest look acknowledges nothing", () =>
  withBuffers(async (servers, spill) => {
    spill.start();
    await until("the buffer to be ready", () => spill.isReady());
    await looked(servers);
    await servers.ask(async (redis) => {
      await redis.config("SET", "replica-read-only", "no"); // it would take the write
      await redis.replicaof("127.0.0.1", 1);
    });
    assert(spill.isReady(), "nobody has looked");
    await assertUnknown(spill.write([anOrder()]));
    assertEquals(spill.state, "not_durable");
  }));

Deno.test("where Redis is told to have a replica, the buffer is not used without", () =>
  withBuffers(async (servers, spill) => {
    await servers.ask((redis) => redis.config("SET", "min-replicas-to-write", 1));
    spill.start();
    await until("the first look", () => spill.state === "not_durable");
    await servers.startReplica();
    await until("the buffer to be ready", () => spill.isReady());
    await spill.write([anOrder()]);
  }));

Deno.test("a Redis that is trusted is not asked for its replicas", () =>
  withBuffers(async (servers, spill) => {
    await servers.startReplica({ appendonly: "no" });
    await until("the replica to be listed", async () => await servers.listed() === 1);
    spill.start();
    await until("the buffer to be ready", () => spill.isReady());
    const order = anOrder();
    assertEquals((await spill.write([order])).get(order.orderId)?.outcome, "spilled");
  }, "trust"));
