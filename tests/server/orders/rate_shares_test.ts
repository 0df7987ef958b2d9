/** The exchange of demands through a real Redis, and without one. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { startRateLimit } from "../../../server/orders/rate_shares.ts";
import { openRedis } from "../../../server/redis/connection.ts";
import { Hints } from "../../../server/telemetry/hints.ts";
import { withRedis } from "../../support/services/redis.ts";
import { until } from "../../support/services/services.ts";

const RATE = { ordersPerSecond: 100, burst: 100 };
const now = () => performance.now();

/** Runs `test` with as many limits as asked for, each with a connection of its own. */
function withLimits(
  count: number,
  test: (
    limits: readonly ReturnType<typeof startRateLimit>[],
    redis: { readonly prefix: string; keys(): Promise<string[]>; away(): void },
  ) => Promise<void>,
): Promise<void> {
  return withRedis(async ({ url, prefix, redis: own }) => {
    const hints = new Hints(now);
    const connections = Array.from({ length: count }, () => openRedis(url, "rate"));
    const limits = connections.map((redis, index) => {
      const instanceId = `instance-${index}`;
      return startRateLimit({ rate: RATE, openRedis: () => redis, prefix, instanceId, hints, now });
    });
    try {
      await test(limits, {
        prefix,
        keys: () => own.keys(`${prefix}:*`),
        away: () => connections.forEach((redis) => redis.disconnect()),
      });
    } finally {
      await Promise.all(limits.map((limit) => limit.stop()));
    }
  });
}

/** The number of orders of a key that pass at once. */
function atOnce(limit: ReturnType<typeof startRateLimit>, keyId: string): number {
  const spend = limit.begin(keyId);
  let passed = 0;
  while (spend(1) === null) passed++;
  return passed;
}

/** True for half of the burst, and the few orders that the rate adds meanwhile. */
const isHalf = (orders: number) => orders >= 50 && orders < 60;

Deno.test("instances that know each other divide the rate of a key that none has used", () =>
  withLimits(2, async ([one, two], redis) => {
    let fresh = 0;
    await until(
      "each to know the other",
      () => [one!, two!].every((limit) => atOnce(limit, `key-${fresh++}`) === 50),
    );
    for (const key of await redis.keys()) {
      assertMatch(key.slice(redis.prefix.length), /^:\{rate\}:(instances|key:key-\d+)$/);
    }
  }));

Deno.test("the share of an instance follows its demand through Redis", () =>
  withLimits(2, async ([one, two]) => {
    let [ofOne, ofTwo] = [0, 0];
    let from = 0;
    await until("both to be asked for some time", async () => {
      for (let call = 0; call < 9; call++) ofOne += one!.begin("a")(1) === null ? 1 : 0;
      for (let call = 0; call < 3; call++) ofTwo += two!.begin("a")(1) === null ? 1 : 0;
      await new Promise((resolve) => setTimeout(resolve, 5));
      if (from === 0 && ofOne + ofTwo > 250) [from, ofOne, ofTwo] = [now(), 0, 0];
      return from > 0 && now() - from > 4_000;
    }, 30_000);
    const perSecond = (ofOne + ofTwo) * 1_000 / (now() - from);
    assert(perSecond > 80 && perSecond < 120, `${perSecond} orders a second`);
    assert(ofOne > 2 * ofTwo && ofOne < 4 * ofTwo, `${ofOne} and ${ofTwo}, asked for as 3 to 1`);
  }));

Deno.test("without Redis an instance has the whole rate, and without a limit nothing is refused", async () => {
  const options = {
    openRedis: () => null,
    prefix: "unused",
    instanceId: "one",
    hints: new Hints(now),
    now,
  };
  const alone = startRateLimit({ rate: RATE, ...options });
  const free = startRateLimit({ rate: null, ...options });
  assertEquals(atOnce(alone, "a") >= 100, true);
  const spend = free.begin("a");
  assertEquals(Array.from({ length: 1_000 }, () => spend(200)).every((one) => one === null), true);
  await Promise.all([alone.stop(), free.stop()]);
});

Deno.test("an instance that loses Redis takes a like share among the instances that it knew", () =>
  withLimits(2, async ([one, two], { away }) => {
    let fresh = 0;
    const halves = () => [one!, two!].every((limit) => isHalf(atOnce(limit, `key-${fresh++}`)));
    await until("each to know the other", halves);
    /** The time that the bucket takes for one order: 10 ms at the whole rate. */
    const orderMs = () => {
      atOnce(one!, "busy");
      const spend = one!.begin("busy");
      const [first, second] = [spend(1), spend(1)];
      return (second?.retryAfterMs ?? 0) - (first?.retryAfterMs ?? 0);
    };
    await until("the whole rate of a key that the other does not use", () => {
      const ms = orderMs();
      return ms >= 9 && ms <= 11;
    });
    away();
    await until("half of the rate", () => orderMs() >= 19);
    assertEquals(halves(), true);
  }));
