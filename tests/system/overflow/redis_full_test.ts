/**
 * The overflow on a Redis at its `maxmemory`: it takes no more orders and says so. It keeps the
 * orders that it has, and drainers can take them.
 */
import { systemClock } from "../../../actors/clock.ts";
import { Hints } from "../../../server/telemetry/hints.ts";
import { assert, assertEquals } from "@std/assert";
import type { Redis } from "ioredis";
import { closeRedis, openRedis } from "../../../server/redis/connection.ts";
import { RedisOverflow } from "../../../server/overflow/redis_overflow.ts";
import { overflowKeys } from "../../../server/overflow/scripts.ts";
import { createSnapshotCache } from "../../../server/live/snapshot_cache.ts";
import { figuresAt } from "../../support/recount/figures.ts";
import { anOrder } from "../../support/load/orders.ts";
import {
  type ReplicatedRedis,
  withReplicatedRedis,
} from "../../support/services/replicated_redis.ts";
import { startRedis } from "../../support/services/server_process.ts";
import { until } from "../../support/services/services.ts";

const PREFIX = "weir";
const KEYS = overflowKeys(PREFIX);

async function withOverflow(
  url: string,
  test: (overflow: RedisOverflow, redis: Redis) => Promise<void>,
) {
  const redis = openRedis(url, "test");
  const bounds = { maxOrders: 1_000, maxBytes: 1 << 20, hints: new Hints(systemClock.now) };
  const overflow = new RedisOverflow({ redis, prefix: PREFIX, mode: "auto", ...bounds });
  overflow.start();
  try {
    await until("the overflow to be ready", () => overflow.isReady());
    await test(overflow, redis);
  } finally {
    await overflow.stop();
    await closeRedis(redis);
  }
}

/** Runs `test` on a Redis of its own, which has no replica. */
async function withOwnRedis(
  test: (overflow: RedisOverflow, redis: Redis) => Promise<void>,
): Promise<void> {
  const server = await startRedis();
  try {
    await withOverflow(server.url, test);
  } finally {
    await server.dispose();
  }
}

/** Sets `maxmemory` below the memory that Redis uses now. */
async function limit(redis: Redis): Promise<void> {
  const [, used] = /used_memory:(\d+)/.exec(await redis.info("memory")) ?? [];
  await redis.config("SET", "maxmemory", Math.floor(Number(used) * 0.9));
}

const outcomesOf = async (overflow: RedisOverflow, orders: ReturnType<typeof anOrder>[]) => {
  const results = await overflow.write(orders);
  return orders.map(({ orderId }) => {
    const result = results.get(orderId);
    return result?.outcome === "spilled" ? { isNew: result.isNew } : result?.outcome;
  });
};

const idsOf = (orders: readonly { readonly orderId: string }[]) =>
  orders.map(({ orderId }) => orderId);

Deno.test("the overflow at the memory limit of Redis is full, knows its orders, and is drained", () =>
  withOwnRedis(async (overflow, redis) => {
    const orders = Array.from({ length: 7 }, () => anOrder());
    await overflow.write(orders);
    await limit(redis); // before the first drainer
    const [fresh, held] = [anOrder(), orders[0]!];
    assertEquals(await outcomesOf(overflow, [fresh, held]), ["full", { isNew: false }]);
    assertEquals(await redis.xlen(KEYS.stream), orders.length, "nothing was written");
    assertEquals(await redis.hlen(KEYS.records), orders.length);
    assert(overflow.isReady(), "a full overflow is still ready");

    const taken = await overflow.queue.take("one", 5, 60_000);
    assertEquals(idsOf(taken.map(({ order }) => order)), idsOf(orders.slice(0, 5)));
    await overflow.queue.remove(taken);
    assertEquals(await overflow.queue.take("two", 5, 60_000).then((rest) => rest.length), 2);
    await until("the takeover", async () => {
      const left = await overflow.queue.take("one", 5, 50);
      await overflow.queue.remove(left);
      return left.length === 2;
    });
    assertEquals(await redis.xlen(KEYS.stream), 0);
    assertEquals(await redis.hlen(KEYS.records), 0);
    assertEquals(await redis.get(KEYS.bytes), "0");
    assertEquals(await outcomesOf(overflow, [fresh]), ["full"]);

    await redis.config("SET", "maxmemory", 0);
    assertEquals(await outcomesOf(overflow, [fresh, held]), [{ isNew: true }, { isNew: true }]);
    assertEquals((await overflow.queue.take("one", 5, 60_000)).length, 2);
  }));

Deno.test("write() does not call another refusal of Redis full", () =>
  withOwnRedis(async (overflow, redis) => {
    await redis.set(KEYS.bytes, "no number");
    const outcome = await overflow.write([anOrder()]).then(() => "answered", () => "failed");
    assertEquals(outcome, "failed");
  }));

Deno.test("an order spilled after Redis was emptied is drained", () =>
  withOwnRedis(async (overflow, redis) => {
    await overflow.write([anOrder()]);
    assertEquals((await overflow.queue.take("one", 5, 60_000)).length, 1);
    await redis.flushall();
    assertEquals(await overflow.queue.take("one", 5, 60_000), []);
    await redis.flushall();
    const order = anOrder();
    await overflow.write([order]);
    const both = await Promise.all(
      ["one", "two"].map((name) => overflow.queue.take(name, 5, 60_000)),
    );
    assertEquals(
      idsOf(both.flat().map((taken) => taken.order)),
      [order.orderId],
      "one drainer takes the order",
    );
  }));

Deno.test("a full Redis with a replica is still asked to confirm the orders that it has", () =>
  withReplicatedRedis(async (servers: ReplicatedRedis) => {
    const replica = await servers.startReplica();
    await withOverflow(servers.master.url, async (overflow, redis) => {
      const held = anOrder();
      await overflow.write([held]);
      await limit(redis);
      await withOverflow(servers.master.url, async (other) => {
        const orders = [held, anOrder()];
        assertEquals(await outcomesOf(other, orders), [{ isNew: false }, "full"]);
        await replica.freeze();
        const outcome = await other.write(orders).then(() => "answered", () => "failed");
        assertEquals(outcome, "failed", "no replica has confirmed the order that was found");
        assertEquals(other.state, "not_durable");
        await replica.thaw();
      });
    });
  }));

Deno.test("a snapshot that a full Redis does not take is said once, and no other one is harmed", () =>
  withOwnRedis(async (_overflow, redis) => {
    const hints = new Hints(systemClock.now);
    const cache = createSnapshotCache(redis, PREFIX, hints);
    await limit(redis);
    for (let version = 1; version <= 3; version++) {
      cache.write(figuresAt(Date.now(), version));
      assertEquals(await cache.read("*"), null);
    }
    const [failing] = hints.failing;
    assertEquals([failing?.name, failing?.failures], ["cache write", 3]);
    assert(failing?.error.startsWith("OOM "), failing?.error);
    assertEquals(await redis.publish("channel", "a notice"), 0, "a notice needs no memory");
  }));
