/**
 * The overflow buffer on a Redis at its `maxmemory`: it takes no more, says so, keeps what it has,
 * and gives it back.
 */
import { assert, assertEquals } from "@std/assert";
import type { Redis } from "ioredis";
import { closeRedis, openRedis } from "../../../server/redis/connection.ts";
import { RedisOverflow } from "../../../server/overflow/redis_overflow.ts";
import { overflowKeys } from "../../../server/overflow/scripts.ts";
import { anOrder } from "../../support/load/orders.ts";
import {
  type ReplicatedRedis,
  withReplicatedRedis,
} from "../../support/services/replicated_redis.ts";
import { startRedis } from "../../support/services/server_process.ts";
import { until } from "../../support/services/services.ts";

const PREFIX = "weir";
const KEYS = overflowKeys(PREFIX);

async function withBuffer(
  url: string,
  test: (spill: RedisOverflow, redis: Redis) => Promise<void>,
) {
  const redis = openRedis(url, "test");
  const bounds = { maxOrders: 1_000, maxBytes: 1 << 20 };
  const spill = new RedisOverflow({ redis, prefix: PREFIX, mode: "auto", ...bounds });
  spill.start();
  try {
    await until("the buffer to be ready", () => spill.isReady());
    await test(spill, redis);
  } finally {
    await spill.stop();
    await closeRedis(redis);
  }
}

/** Runs `test` on a Redis of its own, which has no replica. */
async function withSpill(
  test: (spill: RedisOverflow, redis: Redis) => Promise<void>,
): Promise<void> {
  const server = await startRedis();
  try {
    await withBuffer(server.url, test);
  } finally {
    await server.dispose();
  }
}

/** Gives Redis less than it uses by now. */
async function limit(redis: Redis): Promise<void> {
  const [, used] = /used_memory:(\d+)/.exec(await redis.info("memory")) ?? [];
  await redis.config("SET", "maxmemory", Math.floor(Number(used) * 0.9));
}

const outcomesOf = async (spill: RedisOverflow, orders: ReturnType<typeof anOrder>[]) => {
  const results = await spill.write(orders);
  return orders.map(({ orderId }) => {
    const result = results.get(orderId);
    return result?.outcome === "spilled" ? { isNew: result.isNew } : result?.outcome;
  });
};

const idsOf = (orders: readonly { readonly orderId: string }[]) =>
  orders.map(({ orderId }) => orderId);

Deno.test("at its memory limit Redis is full, knows what it has, and is drained", () =>
  withSpill(async (spill, redis) => {
    const orders = Array.from({ length: 7 }, () => anOrder());
    await spill.write(orders);
    await limit(redis); // before any drainer has come
    const [fresh, held] = [anOrder(), orders[0]!];
    assertEquals(await outcomesOf(spill, [fresh, held]), ["full", { isNew: false }]);
    assertEquals(await redis.xlen(KEYS.stream), orders.length, "nothing was written");
    assertEquals(await redis.hlen(KEYS.records), orders.length);
    assert(spill.isReady(), "it is full, and not away");

    const taken = await spill.take("one", 5, 60_000);
    assertEquals(idsOf(taken.map(({ order }) => order)), idsOf(orders.slice(0, 5)));
    await spill.remove(taken);
    assertEquals(await spill.take("two", 5, 60_000).then((rest) => rest.length), 2);
    await until("the takeover", async () => {
      const left = await spill.take("one", 5, 50);
      await spill.remove(left);
      return left.length === 2;
    });
    assertEquals(await redis.xlen(KEYS.stream), 0);
    assertEquals(await redis.hlen(KEYS.records), 0);
    assertEquals(await redis.get(KEYS.bytes), "0");
    assertEquals(await outcomesOf(spill, [fresh]), ["full"]);

    await redis.config("SET", "maxmemory", 0);
    assertEquals(await outcomesOf(spill, [fresh, held]), [{ isNew: true }, { isNew: true }]);
    assertEquals((await spill.take("one", 5, 60_000)).length, 2);
  }));

Deno.test("a refusal of another kind is not called full", () =>
  withSpill(async (spill, redis) => {
    await redis.set(KEYS.bytes, "no number");
    const outcome = await spill.write([anOrder()]).then(() => "answered", () => "failed");
    assertEquals(outcome, "failed");
  }));

Deno.test("after Redis was emptied what comes then is drained", () =>
  withSpill(async (spill, redis) => {
    await spill.write([anOrder()]);
    assertEquals((await spill.take("one", 5, 60_000)).length, 1);
    await redis.flushall();
    assertEquals(await spill.take("one", 5, 60_000), []);
    await redis.flushall();
    const order = anOrder();
    await spill.write([order]);
    const both = await Promise.all(["one", "two"].map((name) => spill.take(name, 5, 60_000)));
    assertEquals(idsOf(both.flat().map((taken) => taken.order)), [order.orderId], "by one of them");
  }));

Deno.test("at its memory limit a Redis with a replica is full, and still asked to confirm", () =>
  withReplicatedRedis(async (servers: ReplicatedRedis) => {
    const replica = await servers.startReplica();
    await withBuffer(servers.master.url, async (spill, redis) => {
      const held = anOrder();
      await spill.write([held]);
      await limit(redis);
      await withBuffer(servers.master.url, async (other) => {
        const orders = [held, anOrder()];
        assertEquals(await outcomesOf(other, orders), [{ isNew: false }, "full"]);
        await replica.freeze();
        const outcome = await other.write(orders).then(() => "answered", () => "failed");
        assertEquals(outcome, "failed", "nobody has confirmed what it found");
        assertEquals(other.state, "not_durable");
        await replica.thaw();
      });
    });
  }));
