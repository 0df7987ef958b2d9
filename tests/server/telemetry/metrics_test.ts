import { assert, assertEquals, assertMatch } from "@std/assert";
import { Hints } from "../../../server/telemetry/hints.ts";
import { quietSigns } from "../../support/doubles/quiet_signs.ts";
import { createMetrics } from "../../../server/telemetry/metrics.ts";

type Sources = Parameters<ReturnType<typeof createMetrics>["watch"]>[0];

const fails = () => {
  throw new Error("this gauge cannot be read");
};

const SOURCES: Sources = {
  ...quietSigns(),
  writer: () => ({ ...quietSigns().writer(), queuedOrders: 3, queuedBytes: 4 }),
  aggregator: fails,
  spill: fails,
  deadLetters: fails,
  subscribers: () => 7,
  problems: fails,
  setAside: () => 0,
  backlogs: () => ({ stores: 2, longestOrders: 1 }),
  journalEntries: () => 0,
};

Deno.test("a gauge that cannot be read is missing, and every other metric is there", async () => {
  const hints = new Hints(() => 0);
  const metrics = createMetrics(hints);
  let letters = () => 5;
  metrics.watch({ ...SOURCES, deadLetters: () => letters() });
  assertMatch(await metrics.registry.metrics(), /^weir_dead_letters_open 5$/m);
  letters = fails;
  const text = await metrics.registry.metrics();
  assert(!/^weir_dead_letters_open /m.test(text), "an old value would look like the present one");
  assert(!/^weir_spill_orders /m.test(text));
  assertMatch(text, /^weir_writer_queue_orders 3$/m);
  assertMatch(text, /^weir_writer_queue_stores 2$/m);
  assertMatch(text, /^weir_writer_longest_backlog_orders 1$/m);
  assertMatch(text, /^weir_live_subscribers 7$/m);
  assertMatch(text, /^weir_bus_state\{state="redis"\} 1$/m);
  assertMatch(text, /^# TYPE weir_dead_letters_open gauge$/m);
  assertEquals(hints.failing.map(({ name }) => name), ["metrics"]);
  letters = () => 6;
  assertMatch(await metrics.registry.metrics(), /^weir_dead_letters_open 6$/m);
});

Deno.test("counting never throws: an order that is stored is answered whatever the counter says", async () => {
  const hints = new Hints(() => 0);
  const metrics = createMetrics(hints);
  metrics.ackSeconds.observe(NaN);
  metrics.driftedBuckets.add(-1);
  metrics.orders.inc({ outcome: "committed" });
  assertEquals(hints.failures.get("metrics"), 2);
  const text = await metrics.registry.metrics();
  assertMatch(text, /^weir_orders_total\{outcome="committed"\} 1$/m);
  assertMatch(text, /^weir_hint_failures_total\{hint="metrics"\} 2$/m);
});
