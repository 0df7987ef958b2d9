/**
 * Redis is stopped with SIGSTOP: its sockets stay open and nobody answers. Commands must not pile
 * up meanwhile, and afterwards everything works as before.
 */
import { systemClock } from "../../../actors/clock.ts";
import { Hints } from "../../../server/telemetry/hints.ts";
import { assertEquals, assertRejects } from "@std/assert";
import type { Redis } from "ioredis";
import { OverflowUnreachable } from "../../../actors/order_writer/group_spill.ts";
import { closeRedis, openRedis } from "../../../server/redis/connection.ts";
import { RedisOverflow } from "../../../server/overflow/redis_overflow.ts";
import { anOrder } from "../../support/load/orders.ts";
import { type ServerProcess, startRedis } from "../../support/services/server_process.ts";
import { until } from "../../support/services/services.ts";

/** Runs `test` with ready connections of these names. */
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

Deno.test("a connection that does not answer a command is replaced, and an idle one is kept", () =>
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
      // A command sent now fails: it does not wait for the next connection.
      await assertRejects(() => asked.ping());
      assertEquals(
        others.map(({ count }) => count),
        [0, 0],
        "no command waits on the other connections",
      );

      await server.thaw();
      await until("a connection", () => asked.status === "ready");
      assertEquals(await asked.ping(), "PONG");
      await asked.publish("news", "back");
      await until("the news", () => heard.length > 0);
      assertEquals(heard, ["back"]);
      assertEquals(await idle.ping(), "PONG");
    },
  ));

Deno.test("closeRedis() ends a connection between two attempts, whether Redis is silent or gone", () =>
  withConnections(["one", "two"], async (server, { one, two }) => {
    const waits = (redis: Redis) =>
      until("a pause between attempts", () => redis.status === "reconnecting");
    await server.freeze();
    one.ping().catch(() => undefined); // answered by nobody
    await waits(one);
    closeRedis(one);
    await until("the connection to end", () => one.status === "end");
    await server.kill();
    await waits(two);
    closeRedis(two);
    await until("the connection to end", () => two.status === "end");
  }));

Deno.test("find() says that the overflow is unavailable, and asks Redis nothing", () =>
  withConnections(["overflow", "counter"], async (server, { overflow: redis, counter }) => {
    const bounds = { maxOrders: 10, maxBytes: 1 << 20, hints: new Hints(systemClock.now) };
    const overflow = new RedisOverflow({ redis, prefix: "weir", mode: "auto", ...bounds });
    overflow.start();
    try {
      await until("the overflow to be ready", () => overflow.isReady());
      const order = anOrder();
      await overflow.write([order]);
      const before = await lookupsSeen(counter);
      await server.freeze();
      await until("the overflow to be called unavailable", () => overflow.state === "unavailable");
      const lookups = Array.from({ length: 1_000 }, () => overflow.find(order.orderId));
      const told = (await Promise.allSettled(lookups)).filter((lookup) =>
        lookup.status === "rejected" && lookup.reason instanceof OverflowUnreachable
      );
      assertEquals(told.length, lookups.length);
      await server.thaw();
      await until("the overflow to be ready again", () => overflow.isReady());
      assertEquals(await lookupsSeen(counter), before);
      assertEquals((await overflow.find(order.orderId))?.orderId, order.orderId);
    } finally {
      await overflow.stop();
    }
  }));

/** The number of records that Redis has been asked for. */
async function lookupsSeen(redis: Redis): Promise<number> {
  const [, calls] = /cmdstat_hget:calls=(\d+)/.exec(await redis.info("commandstats")) ?? [];
  return Number(calls ?? 0);
}
