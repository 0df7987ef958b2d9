/** The database is far away: the fixed delay of a proxy sets the capacity, not the machine. */
import { assert, assertEquals, assertGreater, assertLess } from "@std/assert";
import { type FaultRun, report, statusOf, withFaults } from "../../support/faults/fault_run.ts";
import { type Attempt, outcomeOf, quantileOf } from "../../support/recount/history.ts";
import { until } from "../../support/services/services.ts";
import { WireProxy } from "../../support/faults/wire_proxy.ts";

const BATCH = 10;
const LANES = 2;
/** The answers of one batch come within this time. */
const SAME_BATCH_MS = 50;
/** The measured batches of each lane: so many that one batch more or less changes little. */
const MEASURED_BATCHES = 10;
/** So long that one lane is still busy when the next batch is due, which the other lane takes. */
const WARM_UP_DELAY_MS = 100;
/** With this many second statements, the chance that a lane had none is one in a million. */
const WARM_UP_TRIPS = 20;
/** The deadline of an order that names none. */
const DEADLINE_MS = 5_000;
const ORDER_ID = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/;

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const committed = (attempts: readonly Attempt[]) =>
  attempts.filter(({ answer }) => outcomeOf(answer) === "committed");

/**
 * Orders per second. Each order counts once, however often it was sent. The time runs from batch to
 * batch, because a fixed period would cut through a batch.
 */
function ratePerSecondOf(attempts: readonly Attempt[]): number {
  const firsts = new Map(attempts.toReversed().map((one) => [`${one.store}/${one.key}`, one]));
  const times = [...firsts.values()].map(({ answeredAt }) => answeredAt).sort((a, b) => a - b);
  const [first = 0] = times;
  const later = times.filter((time) => time > first + SAME_BATCH_MS);
  return later.length * 1_000 / ((times.at(-1) ?? first) - first);
}

/** The number of sessions that commit batches. */
function sessionsOfLanes(run: FaultRun): Promise<number> {
  return run.ask(async (sql) => {
    const sessions = await sql`
      select from pg_stat_activity where application_name = 'weir write'`;
    return sessions.length;
  });
}

/** The batches since the instance started, and the orders in them. */
async function batches(url: string): Promise<{ orders: number; count: number }> {
  const text = await (await fetch(`${url}/metrics`)).text();
  const valueOf = (name: string) =>
    Number(new RegExp(`^weir_writer_batch_orders_${name} (\\S+)$`, "m").exec(text)?.[1]);
  return { orders: valueOf("sum"), count: valueOf("count") };
}

Deno.test("batches grow while the database is 200 ms and then 2 s away, and every order's first attempt commits", () =>
  withFaults(async (run) => {
    const proxy = WireProxy.to(run.postgres.url);
    try {
      const { url } = await run.instance({ DATABASE_URL: proxy.through(run.postgres.url) });
      const load = run.load({ urls: () => [url], ratePerSecond: 250 });
      load.start();
      const { attempts } = load.history;
      const sizes: Record<string, number> = {};
      for (const delayMs of [0, 200, 2_000]) {
        proxy.delayMs = delayMs;
        await pause(delayMs + 500); // batches of the previous delay are over
        const before = await batches(url);
        await until(
          "some batches",
          async () => (await batches(url)).count >= before.count + (delayMs < 2_000 ? 8 : 2),
        );
        const after = await batches(url);
        sizes[delayMs] = Math.round((after.orders - before.orders) / (after.count - before.count));
      }
      proxy.delayMs = 0;
      await run.verify(load);
      // Only first attempts count: a repeat waits for the batch with its key, and then for its own.
      const others = attempts.filter(({ answer, number }) =>
        number === 1 && outcomeOf(answer) !== "committed"
      );
      report("a database far away", {
        ...load.figures,
        batchOrders: sizes,
      });
      assertGreater(sizes[200]!, 2 * sizes[0]!, "orders in a batch");
      assertGreater(sizes[2_000]!, 2 * sizes[200]!, "orders in a batch");
      assertEquals(others, []);
    } finally {
      await proxy.close();
    }
  }));

/**
 * Counts the second statements of batches as they pass the proxy. A batch needs a second statement
 * when one of its keys is not new, and that statement takes as long as the first. The first carries
 * keys, and the second carries order ids.
 */
function countSecondTrips(proxy: WireProxy, seed: number): () => number {
  let count = 0;
  proxy.onRequest = (text) => {
    if (ORDER_ID.test(text) && !text.includes(`"${seed}-`)) count++;
  };
  return () => count;
}

/**
 * The longer delay is 1.5 s and not 2 s. At 2 s a batch with known keys takes 4 s for two round
 * trips, and the circuit counts it as slow (`slowCallMs`). After five slow batches the circuit
 * opens, as it should.
 */
for (const delayMs of [200, 1_500]) {
  Deno.test(`an instance at 3 times the capacity of a database ${delayMs} ms away uses nearly all of it`, () =>
    withFaults(async (run) => {
      const proxy = WireProxy.to(run.postgres.url);
      try {
        const { url } = await run.instance({ DATABASE_URL: proxy.through(run.postgres.url) });
        const load = run.load({
          urls: () => [url],
          ratePerSecond: Math.max(200, 3 * BATCH * LANES * 1_000 / delayMs),
          once: 1,
        });
        const { attempts, seed } = load.history;
        load.start();
        await until("a usual pace", () => committed(attempts).length > 200);
        const ownMs = (await statusOf(url)).writer.commitMsP50 ?? 0;
        // A new session costs five round trips, and a new statement one more. A call has no time
        // for trips of 1.5 s each. So both lanes make session and statement while trips are short.
        proxy.delayMs = WARM_UP_DELAY_MS;
        const warmUps = countSecondTrips(proxy, seed);
        await until("warm lanes", () => warmUps() >= WARM_UP_TRIPS);
        assertEquals(await sessionsOfLanes(run), LANES);
        proxy.delayMs = delayMs;
        await until(
          "shedding",
          () => attempts.some(({ answer }) => outcomeOf(answer) === "queue_full"),
        );
        // After one deadline, all orders that came in before the door knew the pace are answered.
        await pause(DEADLINE_MS);
        const secondTrips = countSecondTrips(proxy, seed);
        await pause(delayMs);
        const from = performance.now();
        const measuredMs = Math.max(5_000, MEASURED_BATCHES * delayMs);
        await pause(measuredMs);
        const meanwhile = attempts.filter(({ answeredAt }) => answeredAt > from);
        const repeated = secondTrips();
        assertEquals((await statusOf(url)).writer.circuit, "closed");
        proxy.delayMs = 0;
        await run.verify(load);

        const capacity = BATCH * 1_000 * (LANES / (delayMs + ownMs) - repeated / measuredMs);
        const goodput = ratePerSecondOf(committed(meanwhile));
        const shed = meanwhile.filter(({ answer }) => outcomeOf(answer) === "queue_full");
        const shedMs = shed.map(({ sentAt, answeredAt }) => answeredAt - sentAt);
        const waitMs = committed(meanwhile).map(({ sentAt, answeredAt }) => answeredAt - sentAt);
        report(`3 times the capacity at ${delayMs} ms`, {
          ...load.figures,
          secondTrips: repeated,
          capacityPerSecond: Math.round(capacity * 10) / 10,
          goodputPerSecond: Math.round(goodput * 10) / 10,
          shed: shed.length,
          shedMsP50: quantileOf(shedMs, 0.5),
          shedMsP99: quantileOf(shedMs, 0.99),
          commitMsP99: quantileOf(waitMs, 0.99),
        });
        assertGreater(goodput, 0.9 * capacity, "orders committed each second");
        assertLess(quantileOf(shedMs, 0.5), 250, "milliseconds to shed an order");
        assert(quantileOf(waitMs, 1) < 5_000 + 5_000 + 1_000, "deadline and statement timeout");
      } finally {
        await proxy.close();
      }
    }, { environment: { WEIR_BATCH_MAX_ORDERS: String(BATCH) } }));
}
