/** The drainers' side of the overflow: orders that are set aside, and unreadable entries. */
import { assert, assertEquals } from "@std/assert";
import { systemClock } from "../../../actors/clock.ts";
import { RedisOverflow } from "../../../server/overflow/redis_overflow.ts";
import { DRAINERS, overflowKeys } from "../../../server/overflow/scripts.ts";
import { closeRedis, openRedis } from "../../../server/redis/connection.ts";
import { Hints } from "../../../server/telemetry/hints.ts";
import { anOrder } from "../../support/load/orders.ts";
import { type TestRedis, withRedis } from "../../support/services/redis.ts";
import { until } from "../../support/services/services.ts";

const LATER_MS = 60_000;

function withOverflow(
  test: (overflow: RedisOverflow, redis: TestRedis) => Promise<void>,
): Promise<void> {
  return withRedis(async (redis) => {
    const connection = openRedis(redis.url, "test");
    const overflow = new RedisOverflow({
      redis: connection,
      prefix: redis.prefix,
      mode: "auto",
      maxOrders: 10_000,
      maxBytes: 1 << 26,
      hints: new Hints(systemClock.now),
    });
    overflow.start();
    try {
      await until("the overflow to be ready", () => overflow.isReady());
      await test(overflow, redis);
    } finally {
      await overflow.stop();
      await closeRedis(connection);
      await redis.redis.del(...Object.values(overflowKeys(redis.prefix)));
    }
  });
}

const idsOf = (entries: readonly { readonly order: { readonly orderId: string } }[]) =>
  entries.map(({ order }) => order.orderId);

const many = (count: number) => Array.from({ length: count }, () => anOrder());

Deno.test("an order that is set aside stays in the overflow with its key, and all others come first", () =>
  withOverflow(async (overflow, { redis, prefix }) => {
    const { queue } = overflow;
    const orders = many(6);
    await overflow.write(orders);
    const [bad, ...others] = await queue.take("one", 3, LATER_MS);
    await queue.setAside([bad!]);
    await queue.remove(others);
    const next = await queue.take("one", 3, LATER_MS);
    assertEquals(idsOf(next), orders.slice(3).map(({ orderId }) => orderId));
    await queue.remove(next);
    assertEquals(await redis.xlen(overflowKeys(prefix).stream), 1);
    assertEquals((await overflow.find(bad!.order.orderId))?.orderId, bad!.order.orderId);
    assertEquals((await overflow.recall([bad!.order.orderId])).size, 1);
    const again = (await overflow.write([orders[0]!])).get(bad!.order.orderId);
    assert(again?.outcome === "spilled" && !again.isNew, "its key is not used up twice");
    await until("the count", () => overflow.setAside === 1);
  }));

Deno.test("an order that is set aside comes again after a time that grows, to one instance", () =>
  withOverflow(async (overflow) => {
    const { queue } = overflow;
    await overflow.write(many(1));
    const begunAt = performance.now();
    const tries: number[] = [];
    let taken = await queue.take("one", 5, LATER_MS);
    while (tries.length < 3) {
      assertEquals(taken.map(({ again }) => again), [tries.length > 0]);
      await queue.setAside(taken);
      tries.push(performance.now() - begunAt);
      taken = await until("its next try", async () => {
        const both = await Promise.all(
          ["one", "two"].map((consumer) => queue.take(consumer, 5, LATER_MS)),
        );
        assert(both.flat().length <= 1, "one instance tries it");
        return both.flat().length === 1 ? both.flat() : null;
      });
    }
    const [first, second, third] = [...tries, performance.now() - begunAt];
    assert(second! - first! > 900 && third! - second! > 1_900, `${tries}`);
    await queue.remove(taken);
    assertEquals(await queue.countAside(), 0);
  }));

Deno.test("orders set aside are no dead instance's: a takeover passes them over, however many they are", () =>
  withOverflow(async (overflow) => {
    const { queue } = overflow;
    const orders = many(30);
    await overflow.write(orders);
    await queue.setAside(await queue.take("one", 25, LATER_MS));
    await queue.take("dead", 5, LATER_MS);
    const taken = await until("the takeover", async () => {
      const entries = await queue.take("alive", 5, 300);
      return entries.length > 0 ? entries : null;
    }, 3_000);
    assertEquals(idsOf(taken), orders.slice(25).map(({ orderId }) => orderId));
    assertEquals(await queue.countAside(), 25);
  }));

Deno.test("new orders join those that failed before, so that a few that fail keep no other waiting", () =>
  withOverflow(async (overflow) => {
    const { queue } = overflow;
    const [failing, fresh] = [many(2), many(2)];
    await overflow.write(failing);
    assertEquals((await queue.take("one", 5, LATER_MS)).length, 2);
    await overflow.write(fresh);
    assertEquals(
      idsOf(await queue.take("one", 5, LATER_MS)),
      [...failing, ...fresh].map(({ orderId }) => orderId),
    );
  }));

Deno.test("entries that nobody can read are kept and set aside, and block no order", () =>
  withOverflow(async (overflow, { redis, prefix }) => {
    const { stream } = overflowKeys(prefix);
    const garbage = [
      ["format", "1", "order", "no JSON"],
      ["format", "1", "order", "null"],
      ["format", "1", "order", '{"orderId":"of a stranger"}'],
      ["format", "1"],
      ["format", "2", "order", "of the next version"],
      ["a", "b"],
    ];
    for (const fields of garbage) await redis.xadd(stream, "*", ...fields);
    const orders = many(3);
    await overflow.write(orders);
    // A batch that has room for the garbage alone.
    const first = await overflow.queue.take("one", garbage.length, LATER_MS);
    const second = first.length > 0 ? first : await overflow.queue.take("one", 5, LATER_MS);
    assertEquals(idsOf(second), orders.map(({ orderId }) => orderId));
    await overflow.queue.remove(second);
    assertEquals(await redis.xlen(stream), garbage.length, "nothing is thrown away");
    await until("the count", () => overflow.setAside === garbage.length);
    assertEquals(await overflow.queue.take("one", 5, LATER_MS), []);
  }));

Deno.test("an entry that somebody deleted is forgotten, and does not stand before the others", () =>
  withOverflow(async (overflow, { redis, prefix }) => {
    const { stream } = overflowKeys(prefix);
    await overflow.write(many(3));
    const [gone] = await overflow.queue.take("one", 1, LATER_MS);
    await redis.xdel(stream, gone!.entryId);
    assertEquals((await overflow.queue.take("one", 2, LATER_MS)).length, 2);
    const [pending] = await redis.xpending(stream, DRAINERS);
    assertEquals(pending, 2);
  }));

Deno.test("a strange record under an order's id refuses that order alone", () =>
  withOverflow(async (overflow, { redis, prefix }) => {
    const [strange, other] = many(2);
    await redis.hset(overflowKeys(prefix).records, strange!.orderId, "of a stranger");
    const results = await overflow.write([strange!, other!]);
    assertEquals([...results.values()].map(({ outcome }) => outcome), ["full", "spilled"]);
  }));
