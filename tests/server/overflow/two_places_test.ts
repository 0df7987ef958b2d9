/** Orders that wait under the keys of an earlier version, beside those of this one. */
import { assert, assertEquals } from "@std/assert";
import { closeRedis, openRedis } from "../../../server/redis/connection.ts";
import { DrainQueue } from "../../../server/overflow/drain_queue.ts";
import { EarlierPlace } from "../../../server/overflow/earlier_place.ts";
import { textOf } from "../../../server/overflow/entries.ts";
import { RedisOverflow } from "../../../server/overflow/redis_overflow.ts";
import {
  earlierKeys,
  ENTRY_FORMAT,
  overflowKeys,
  WRITE,
} from "../../../server/overflow/scripts.ts";
import { Hints } from "../../../server/telemetry/hints.ts";
import { TwoPlaces } from "../../../server/overflow/two_places.ts";
import { anOrder } from "../../support/load/orders.ts";
import { withInstance } from "../../support/services/instance.ts";
import { type TestRedis, withRedis } from "../../support/services/redis.ts";
import { until } from "../../support/services/services.ts";
import type { NewOrder } from "../../../sql/orders/new_order.ts";

interface Stage {
  readonly places: TwoPlaces;
  /** The queue of an instance of the earlier version. */
  readonly earlier: DrainQueue;
  readonly redis: TestRedis;
}

/** Spills orders as an instance of the earlier version does. @returns the time of each, by id */
async function spillEarlier(
  { redis, prefix }: TestRedis,
  orders: readonly NewOrder[],
): Promise<Map<string, string>> {
  const { stream, records, bytes } = earlierKeys(prefix);
  const args = orders.flatMap((order) => [order.orderId, order.contentHash, textOf(order)]);
  const bounds = [1_000, 1 << 20, ENTRY_FORMAT];
  const answers = await redis.eval(
    WRITE,
    3,
    stream,
    records,
    bytes,
    ...bounds,
    ...args,
  ) as string[];
  return new Map(orders.map(({ orderId }, index) => {
    const ms = Number(answers[index]?.split(" ")[1]);
    return [orderId, new Date(ms).toISOString()];
  }));
}

/** Runs `test` with both places, and deletes the earlier keys: they begin with a brace. */
function withPlaces(test: (stage: Stage) => Promise<void>): Promise<void> {
  return withRedis(async (redis) => {
    const { prefix } = redis;
    const connection = openRedis(redis.url, "test");
    const present = new RedisOverflow({
      redis: connection,
      prefix,
      mode: "auto",
      maxOrders: 1_000,
      maxBytes: 1 << 20,
      hints: new Hints(performance.now.bind(performance)),
    });
    const places = new TwoPlaces(present, new EarlierPlace(connection, prefix));
    const earlier = new DrainQueue(redis.redis, earlierKeys(prefix));
    places.start();
    try {
      await until("the overflow to be ready", () => places.isReady());
      await test({ places, earlier, redis });
    } finally {
      await places.stop();
      await closeRedis(connection);
      await redis.redis.del(...Object.values(earlierKeys(prefix)));
    }
  });
}

const idsOf = (entries: readonly { order: NewOrder }[]) =>
  entries.map(({ order }) => order.orderId);

Deno.test("the keys of the overflow begin with the prefix, and the earlier ones with a brace", () => {
  assertEquals(overflowKeys("weir").stream, "weir:{spill}:stream");
  assertEquals(earlierKeys("weir").stream, "{weir:spill}:stream");
});

Deno.test("orders of the earlier place are drained first, each with the time that it got there", () =>
  withPlaces(async ({ places, redis }) => {
    const [old, present] = [anOrder(), anOrder()];
    const spilled = await spillEarlier(redis, [old]);
    await until("the look to find it", () => places.level.orders === 1);
    await places.write([present]);
    assertEquals(places.level.orders, 2);
    const first = await places.take("one", 10, 60_000);
    assertEquals(idsOf(first), [old.orderId]);
    assertEquals(first[0]?.order.placedAt, spilled.get(old.orderId));
    await places.remove(first);
    const second = await places.take("one", 10, 60_000);
    assertEquals(idsOf(second), [present.orderId]);
    await places.remove(second);
    for (const keys of [earlierKeys(redis.prefix), overflowKeys(redis.prefix)]) {
      assertEquals(await redis.redis.xlen(keys.stream), 0);
      assertEquals(await redis.redis.hlen(keys.records), 0);
      assertEquals(await redis.redis.get(keys.bytes), "0");
    }
    await until("the level to be zero", () => places.level.orders === 0);
  }));

Deno.test("a key that waits in the earlier place gets its first answer, and is not written again", () =>
  withPlaces(async ({ places, redis }) => {
    const old = anOrder();
    const placedAt = (await spillEarlier(redis, [old])).get(old.orderId);
    assert(placedAt !== undefined);
    await until("the look to find it", () => places.level.orders === 1);
    const [other, fresh] = [
      anOrder({ idempotencyKey: old.idempotencyKey, customerRef: "other" }),
      anOrder(),
    ];
    const { contentHash } = old;
    const again = { outcome: "spilled", isNew: false, contentHash, placedAt } as const;
    assertEquals((await places.write([old, fresh])).get(old.orderId), again);
    assertEquals((await places.write([other])).get(old.orderId), again, "its content came first");
    assertEquals(await redis.redis.xlen(overflowKeys(redis.prefix).stream), 1);
    const recalled = await until(
      "both to be recalled: a recall waits for 100 ms at most",
      async () => {
        const found = await places.recall([old.orderId, fresh.orderId]);
        return found.size === 2 ? found : null;
      },
    );
    assertEquals(recalled.get(old.orderId), { contentHash, placedAt });
    assertEquals(await places.find(old.orderId), { ...old, placedAt });
  }));

Deno.test("an instance of the earlier version and one of this drain the same entries, each once", () =>
  withPlaces(async ({ places, earlier, redis }) => {
    const orders = Array.from({ length: 6 }, () => anOrder());
    await spillEarlier(redis, orders);
    await until("the look to find them", () => places.level.orders === 6);
    const theirs = await earlier.take("earlier", 3, 60_000);
    const ours = await places.take("present", 10, 60_000);
    assertEquals(
      [...idsOf(theirs), ...idsOf(ours)].sort(),
      idsOf(orders.map((order) => ({ order }))).sort(),
    );
    await Promise.all([earlier.remove(theirs), places.remove(ours)]);
    await until("nothing to be left", () => places.level.orders === 0);
  }));

Deno.test("orders that wait under the earlier keys at an upgrade are committed by the new version", () =>
  withInstance(async ({ database: { sql }, redis, another }) => {
    const keys = earlierKeys(redis.prefix);
    try {
      const orders = Array.from({ length: 700 }, () => anOrder());
      const spilled = await spillEarlier(redis, orders);
      await another();
      await until(
        "all orders in the database",
        async () => (await sql`select from orders`).length === orders.length,
      );
      const rows = await sql<{ order_id: string; placed_at: Date }[]>`
        select order_id, placed_at from orders`;
      for (const { order_id, placed_at } of rows) {
        assertEquals(placed_at.toISOString(), spilled.get(order_id));
      }
      await until("nothing to be left", async () => await redis.redis.xlen(keys.stream) === 0);
      assertEquals(await redis.redis.hlen(keys.records), 0);
    } finally {
      await redis.redis.del(...Object.values(keys));
    }
  }));
