/**
 * A Redis that is stopped where it is: its sockets stay open and nobody answers. What is asked
 * meanwhile must not pile up, and afterwards all is as before.
 */
import { assertEquals, assertRejects } from "@std/assert";
import type { Redis } from "ioredis";
import { OverflowUnreachable } from "../../../actors/order_writer/group_spill.ts";
import { closeRedis, openRedis } from "../../../server/redis/connection.ts";
import { RedisOverflow } from "../../../server/overflow/redis_overflow.ts";
import { anOrder } from "../../support/load/orders.ts";
import { type ServerProcess, startRedis } from "../../support/services/server_process.ts";
import { until } from "../../support/services/services.ts";

/** Runs `test` with connections of these names that are ready. */
async function withConnections<T extends string>(
  names: readonly T[],
  test: (server: ServerProcess, connections: Record<T, Redis>) => Promise<void>,
): Promise<void> {
  const server = await startRedis();
  const opened = names.map((name) => [name, openRedis(server.url, name)] as const);
  try {
    for (const [name, redis] of opened) {
      await until(`${name} to be ready`, () => redis.status === "ready");
    }
    await test(server, Object.fromEntries(opened) as Record<T, Redis>);
  } finally {
    for (const [, redis] of opened) await closeRedis(redis);
    await server.dispose();
  }
}

function closed(redis: Redis): { readonly count: number } {
  const seen = { count: 0 };
  redis.on("close", () => seen.count++);
  return seen;
}

Deno.test("a connection that is asked and stays silent is replaced, one that is not asked is kept", () =>
  withConnections(
    ["asked", "idle", "subscribed"],
    async (server, { asked, idle, subscribed }) => {
      const heard: string[] = [];
      subscribed.on("message", (_channel, message) => heard.push(message));
      await subscribed.subscribe("news");
      const [gone, others] = [closed(asked), [closed(idle), closed(subscribed)]];
      await server.freeze();
      const questions = Array.from({ length: 1_000 }, () => asked.ping());
      const answers = Promise.allSettled(questions);
      await until("the silent connection to be cut", () => gone.count > 0);
      assertEquals((await answers).filter(({ status }) => status === "fulfilled"), []);
      // What is asked now is not kept for later.
      await assertRejects(() => asked.ping());
      assertEquals(others.map(({ count }) => count), [0, 0], "nobody waits for them");

      await server.thaw();
      await until("a connection", () => asked.status === "ready");
      assertEquals(await asked.ping(), "PONG");
      await asked.publish("news", "back");
      await until("the news", () => heard.length > 0);
      assertEquals(heard, ["back"]);
      assertEquals(await idle.ping(), "PONG");
    },
  ));

Deno.test("a connection is closed between two attempts as well, Redis being silent or gone", () =>
  withConnections(["one", "two"], async (server, { one, two }) => {
    const waits = (redis: Redis) =>
      until("a pause between attempts", () => redis.status === "reconnecting");
    await server.freeze();
    one.ping().catch(() => undefined); // answered by nobody
    await waits(one);
    closeRedis(one);
    await until("its end", () => one.status === "end");
    await server.kill();
    await waits(two);
    closeRedis(two);
    await until("its end", () => two.status === "end");
  }));

Deno.test("while the buffer is away nothing is looked up in it, and that is said", () =>
  withConnections(["spill", "counter"], async (server, { spill: redis, counter }) => {
    const bounds = { maxOrders: 10, maxBytes: 1 << 20 };
    const spill = new RedisOverflow({ redis, prefix: "weir", mode: "auto", ...bounds });
    spill.start();
    try {
      await until("the buffer to be ready", () => spill.isReady());
      const order = anOrder();
      await spill.write([order]);
      const before = await lookupsSeen(counter);
      await server.freeze();
      await until("the buffer to be missed", () => spill.state === "unavailable");
      const lookups = Array.from({ length: 1_000 }, () => spill.find(order.orderId));
      const told = (await Promise.allSettled(lookups)).filter((lookup) =>
        lookup.status === "rejected" && lookup.reason instanceof OverflowUnreachable
      );
      assertEquals(told.length, lookups.length);
      await server.thaw();
      await until("the buffer to be ready again", () => spill.isReady());
      assertEquals(await lookupsSeen(counter), before);
      assertEquals((await spill.find(order.orderId))?.orderId, order.orderId);
    } finally {
      await spill.stop();
    }
  }));

/** How many records Redis has been asked for. */
async function lookupsSeen(redis: Redis): Promise<number> {
  const [, calls] = /cmdstat_hget:calls=(\d+)/.exec(await redis.info("commandstats")) ?? [];
  return Number(calls ?? 0);
}
