import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { OverflowUnreachable } from "../../../actors/order_writer/group_spill.ts";
import { systemClock } from "../../../actors/clock.ts";
import { Hints } from "../../../server/telemetry/hints.ts";
import { closeRedis, openRedis } from "../../../server/redis/connection.ts";
import {
  RedisOverflow,
  type RedisOverflowOptions,
} from "../../../server/overflow/redis_overflow.ts";
import { overflowKeys } from "../../../server/overflow/scripts.ts";
import { anOrder } from "../../support/load/orders.ts";
import { type TestRedis, withRedis } from "../../support/services/redis.ts";
import { until } from "../../support/services/services.ts";

/** Runs `test` with an overflow that is ready, and deletes its keys: they begin with a brace. */
function withSpill(
  test: (spill: RedisOverflow, redis: TestRedis) => Promise<void>,
  options: Partial<RedisOverflowOptions> = {},
): Promise<void> {
  return withRedis(async (redis) => {
    const connection = openRedis(redis.url, "test");
    const spill = new RedisOverflow({
      redis: connection,
      prefix: redis.prefix,
      mode: "auto",
      maxOrders: 1_000,
      maxBytes: 1 << 20,
      hints: new Hints(systemClock.now),
      ...options,
    });
    spill.start();
    try {
      await until("the buffer to be ready", () => spill.isReady());
      await test(spill, redis);
    } finally {
      await spill.stop();
      await closeRedis(connection);
      await redis.redis.del(...Object.values(overflowKeys(redis.prefix)));
    }
  });
}

Deno.test("an order is written once, and its key answers with the content that came first", () =>
  withSpill(async (spill, { redis, prefix }) => {
    const [a, b] = [anOrder(), anOrder()];
    const [before] = await redis.time() as unknown as [string];
    const first = await spill.write([a, b]);
    const other = anOrder({ idempotencyKey: a.idempotencyKey, customerRef: "other" });
    const again = (await spill.write([a])).get(a.orderId);
    const mismatch = (await spill.write([other])).get(a.orderId);
    const result = first.get(a.orderId);
    assert(result?.outcome === "spilled" && result.isNew);
    assert(Date.parse(result.placedAt) >= Number(before) * 1_000, "by the clock of Redis");
    assertEquals(again, { ...result, isNew: false });
    assertEquals(mismatch, { ...result, isNew: false });
    assertEquals(result.contentHash, a.contentHash);
    assertEquals(await redis.xlen(overflowKeys(prefix).stream), 2);
    assertEquals(await spill.find(a.orderId), { ...a, placedAt: result.placedAt });
    assertEquals(await spill.find(anOrder().orderId), null);
  }));

Deno.test("a waiting order is recalled by its key, with its content and its time", () =>
  withSpill(async (spill) => {
    const [held, other] = [anOrder(), anOrder()];
    assertEquals((await spill.recall([held.orderId])).size, 0);
    const result = (await spill.write([held])).get(held.orderId);
    assert(result?.outcome === "spilled");
    const { contentHash, placedAt } = result;
    const recalled = await spill.recall([other.orderId, held.orderId]);
    assertEquals([...recalled], [[held.orderId, { contentHash, placedAt }]]);
  }));

Deno.test("a taken order stays until it is removed, and then nothing of it is left", () =>
  withSpill(async (spill, { redis, prefix }) => {
    const orders = Array.from({ length: 7 }, () => anOrder());
    await spill.write(orders);
    const taken = await spill.queue.take("one", 5, 60_000);
    assertEquals(taken.map(({ order }) => order.orderId), orders.slice(0, 5).map((o) => o.orderId));
    assertEquals(
      await spill.queue.take("one", 5, 60_000),
      taken,
      "the same ones until they are removed",
    );
    await spill.queue.remove(taken);
    await spill.queue.remove(taken);
    const rest = await spill.queue.take("one", 5, 60_000);
    assertEquals(rest.map(({ order }) => order.orderId), orders.slice(5).map((o) => o.orderId));
    await spill.queue.remove(rest);
    const keys = overflowKeys(prefix);
    assertEquals(await redis.xlen(keys.stream), 0);
    assertEquals(await redis.hlen(keys.records), 0);
    assertEquals(await redis.get(keys.bytes), "0");
    const renewed = (await spill.write(orders)).get(orders[0]!.orderId);
    assert(renewed?.outcome === "spilled" && renewed.isNew);
  }));

Deno.test("an order of a dead drainer is taken over when it has been idle, and not before", () =>
  withSpill(async (spill) => {
    const order = anOrder();
    await spill.write([order]);
    await spill.queue.take("dead", 5, 60_000);
    assertEquals(await spill.queue.take("alive", 5, 60_000), []);
    const taken = await until("the takeover", async () => {
      const entries = await spill.queue.take("alive", 5, 50);
      return entries.length > 0 ? entries : null;
    });
    assertEquals(taken.map((entry) => entry.order.orderId), [order.orderId]);
  }));

Deno.test("an order that a drainer takes again and again without success is taken over as well", () =>
  withSpill(async (spill) => {
    const order = anOrder();
    await spill.write([order]);
    const taken = await until("the takeover", async () => {
      await spill.queue.take("cut off", 5, 60_000);
      const entries = await spill.queue.take("alive", 5, 200);
      return entries.length > 0 ? entries : null;
    });
    assertEquals(taken.map((entry) => entry.order.orderId), [order.orderId]);
    assertEquals(await spill.queue.take("cut off", 5, 60_000), []);
  }));

Deno.test("the overflow is full at its bound in orders, and at its bound in bytes", async () => {
  const outcomes = async (spill: RedisOverflow) => {
    const orders = Array.from({ length: 4 }, () => anOrder());
    const results = await spill.write(orders);
    return orders.map(({ orderId }) => results.get(orderId)?.outcome);
  };
  await withSpill(async (spill) => {
    assertEquals(await outcomes(spill), ["spilled", "spilled", "full", "full"]);
    await spill.queue.remove(await spill.queue.take("one", 1, 60_000));
    assertEquals(await outcomes(spill), ["spilled", "full", "full", "full"]);
  }, { maxOrders: 2 });
  await withSpill(async (spill) => {
    const weight = JSON.stringify(anOrder()).length;
    assert(weight * 2 < 1_100 && weight * 3 > 1_100);
    assertEquals(await outcomes(spill), ["spilled", "spilled", "full", "full"]);
  }, { maxBytes: 1_100 });
});

Deno.test("an entry of an unknown layout is left alone", () =>
  withSpill(async (spill, { redis, prefix }) => {
    const { stream } = overflowKeys(prefix);
    await redis.xadd(stream, "*", "format", "2", "order", "of the next version");
    const order = anOrder();
    await spill.write([order]);
    const taken = await spill.queue.take("one", 5, 60_000);
    assertEquals(taken.map((entry) => entry.order.orderId), [order.orderId]);
    await spill.queue.remove(taken);
    assertEquals(await redis.xlen(stream), 1);
  }));

Deno.test("write() sends nothing while Redis is away, and says so", () =>
  withRedis(async ({ prefix }) => {
    const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const url = `redis://127.0.0.1:${listener.addr.port}/0`;
    listener.close();
    const connection = openRedis(url, "test");
    const options = {
      redis: connection,
      prefix,
      maxOrders: 10,
      maxBytes: 1_000,
      hints: new Hints(() => 0),
    };
    const spill = new RedisOverflow({ ...options, mode: "trust" });
    spill.start();
    assertEquals([spill.isReady(), spill.state], [false, "unavailable"]);
    await assertRejects(() => spill.write([anOrder()]), OverflowUnreachable);
    await spill.stop();
    await closeRedis(connection);
  }));

Deno.test("a Redis that refuses a question is not trusted unless told to, and the log says which", () =>
  withRedis(async ({ redis, url, prefix }) => {
    for (const [refused, told] of [["-config", "CONFIG GET"], ["-info", "NOPERM"]] as const) {
      const user = `weir-${crypto.randomUUID()}`;
      await redis.call("ACL", "SETUSER", user, "on", ">secret", "~*", "&*", "+@all", refused);
      const plain = new URL(url);
      [plain.username, plain.password] = [user, "secret"];
      const connection = openRedis(plain.href, "test");
      const options = {
        redis: connection,
        prefix,
        maxOrders: 10,
        maxBytes: 10_000,
        hints: new Hints(systemClock.now),
      };
      const [asks, trusts] = (["auto", "trust"] as const).map((mode) =>
        new RedisOverflow({ ...options, mode })
      );
      try {
        asks!.start();
        trusts!.start();
        await until(told, () => asks!.state === "not_durable");
        await until("the trusted one", () => trusts!.isReady());
        await assertRejects(() => asks!.write([anOrder()]), OverflowUnreachable);
        assertEquals((await trusts!.write([anOrder()])).size, 1);
      } finally {
        await Promise.all([asks!.stop(), trusts!.stop()]);
        await closeRedis(connection);
        await redis.call("ACL", "DELUSER", user);
        await redis.del(...Object.values(overflowKeys(prefix)));
      }
    }
  }));

Deno.test("a Redis that is trusted and takes no writes is not called ready", () =>
  withRedis(async ({ redis, url, prefix }) => {
    const user = `weir-${crypto.randomUUID()}`;
    await redis.call("ACL", "SETUSER", user, "on", ">secret", "~*", "&*", "+@all", "-@write");
    const plain = new URL(url);
    [plain.username, plain.password] = [user, "secret"];
    const connection = openRedis(plain.href, "test");
    const bounds = { maxOrders: 10, maxBytes: 10_000, hints: new Hints(systemClock.now) };
    const spill = new RedisOverflow({ redis: connection, prefix, mode: "trust", ...bounds });
    try {
      spill.start();
      await until("the connection", () => connection.status === "ready");
      await connection.ping(); // the first look has been answered
      await new Promise((resolve) => setTimeout(resolve, 200));
      assertEquals(spill.state, "unavailable");
    } finally {
      await spill.stop();
      await closeRedis(connection);
      await redis.call("ACL", "DELUSER", user);
    }
  }));

Deno.test("where sentinels may promote a replica, a Redis that sees none is not trusted", () =>
  withRedis(async ({ url, prefix }) => {
    const redis = openRedis(url, "test");
    const told: (string | null)[] = [];
    const overflow = new RedisOverflow({
      redis,
      prefix,
      mode: "auto",
      maxOrders: 1,
      maxBytes: 1_024,
      hints: new Hints(systemClock.now),
      hasReplicas: true,
      onFirstLook: (problem) => told.push(problem),
    });
    overflow.start();
    await until("a look at Redis", () => told.length > 0);
    assertEquals(overflow.state, "not_durable");
    assertMatch(told[0] ?? "", /replica/);
    await overflow.stop();
    await redis.del(...Object.values(overflowKeys(prefix)));
    await closeRedis(redis);
  }));
