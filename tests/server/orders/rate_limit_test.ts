import fc from "fast-check";
import { assert, assertEquals, assertGreaterOrEqual } from "@std/assert";
import { RateBuckets } from "../../../server/orders/rate_limit.ts";

/** Buckets in a time that the test sets. */
function buckets(ordersPerSecond: number, burst = ordersPerSecond) {
  const clock = { ms: 1_000 };
  const limit = new RateBuckets({ ordersPerSecond, burst, now: () => clock.ms });
  /** Calls with so many orders. @returns the wait that each order is told; 0: it passed */
  const call = (keyId: string, orders = 1, lines = 1) => {
    const spend = limit.begin(keyId);
    return Array.from({ length: orders }, () => spend(lines)?.retryAfterMs ?? 0);
  };
  return { clock, limit, call };
}

/** The number of orders of a call that passed. */
const passed = (waits: readonly number[]) => waits.filter((ms) => ms === 0).length;

Deno.test("a key gets its burst at once and its rate after that, and no other key notices", () => {
  const { clock, call } = buckets(100, 20);
  assertEquals(passed(call("a", 50)), 20);
  assertEquals(passed(call("b", 50)), 20);
  let more = 0;
  for (let ms = 0; ms < 10_000; ms += 7) {
    clock.ms += 7;
    more += passed(call("a", 3));
  }
  assert(more >= 998 && more <= 1_001, `${more} orders in 10 s`);
});

Deno.test("a refused order passes after the time that it was told, and not before", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 500 }),
      fc.integer({ min: 1, max: 100 }),
      fc.array(fc.integer({ min: 1, max: 200 }), { minLength: 1, maxLength: 10 }),
      fc.integer({ min: 1, max: 200 }),
      (rate, burst, before, lines) => {
        const { clock, limit } = buckets(rate, burst);
        const spend = limit.begin("a");
        for (const each of before) spend(each);
        const refusal = limit.begin("a")(lines);
        if (refusal === null) return;
        const { reason, retryAfterMs = 0 } = refusal;
        assertEquals(reason, "rate_limited");
        const at = clock.ms + retryAfterMs;
        clock.ms = at - 2;
        if (retryAfterMs > 2) {
          assert(limit.begin("a")(lines) !== null, "it was told to wait too long");
        }
        clock.ms = at;
        assertEquals(limit.begin("a")(lines), null, "it was told to wait too short");
      },
    ),
    { numRuns: 1_000 },
  );
});

Deno.test("the orders of one call that were refused pass one by one at their times", () => {
  const { clock, call, limit } = buckets(10);
  const waits = call("a", 30);
  assertEquals(passed(waits), 10);
  const from = clock.ms;
  for (const ms of waits.slice(10)) {
    clock.ms = from + ms;
    assertEquals(limit.begin("a")(1), null);
  }
  assertEquals(clock.ms - from, 2_000);
});

Deno.test("an order costs one, or a fifth of its lines, and one dearer than the burst passes and is paid for", () => {
  const { clock, call } = buckets(10);
  assertEquals(call("a", 1, 5), [0]);
  assertEquals(call("b", 1, 200), [0], "40 orders, from a burst of 10");
  const [ms = 0] = call("b");
  assertEquals(ms, 3_100);
  clock.ms += ms;
  assertEquals(call("b"), [0]);
  assertEquals(passed(call("a", 10)), 10);
});

Deno.test("instances share a rate by their demand, and whoever has none gets a like share first", () => {
  const [one, two] = [buckets(100), buckets(100)];
  /** Runs both for a time, with so many orders each 10 ms. */
  const run = (seconds: number, ofOne: number, ofTwo: number) => {
    const orders = { one: 0, two: 0 };
    for (let step = 0; step < seconds * 100; step++) {
      one.clock.ms += 10;
      two.clock.ms += 10;
      orders.one += passed(one.call("a", ofOne));
      orders.two += passed(two.call("a", ofTwo));
      if (step % 50 !== 49) continue;
      const demands = [one, two].map(({ limit }) => limit.demands());
      const total = demands.reduce((sum, each) => sum + (each.get("a") ?? 0), 0);
      [one, two].forEach(({ limit }, index) =>
        limit.share(2, demands[index]!, new Map([["a", total]]))
      );
    }
    return orders;
  };
  run(2, 3, 3);
  const equal = run(10, 3, 3);
  assert(equal.one > 480 && equal.one < 520 && equal.two > 480 && equal.two < 520);
  run(2, 9, 3);
  const unequal = run(10, 9, 3);
  assert(unequal.one > 730 && unequal.one < 770, `${unequal.one} of 750`);
  assert(unequal.two > 230 && unequal.two < 270, `${unequal.two} of 250`);
  run(5, 3, 0);
  assertGreaterOrEqual(run(10, 3, 0).one, 950, "the whole rate, when nobody else uses the key");
  two.clock.ms += 0;
  assertGreaterOrEqual(passed(two.call("a", 5)), 5, "a newcomer gets through at once");
});

Deno.test("an instance that hears nothing divides the rate among the instances that it knew", () => {
  const { clock, call, limit } = buckets(100);
  assertEquals(passed(call("a", 200)), 100);
  limit.share(4, limit.demands(), new Map());
  limit.divide();
  clock.ms += 10_000;
  assertEquals(passed(call("a", 200)), 25);
});

Deno.test("a key that rests is forgotten, and one that owes is not", () => {
  const { clock, call, limit } = buckets(10);
  call("rests");
  call("owes", 1, 200);
  clock.ms += 1_000;
  assertEquals([...limit.demands().keys()].sort(), ["owes", "rests"], "both have asked");
  assertEquals([...limit.demands().keys()], ["owes"]);
});
