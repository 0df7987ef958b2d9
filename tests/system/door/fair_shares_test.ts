/**
 * One store sends ten times what the database takes, and twenty others place an order now and then.
 * A trigger that sleeps sets the capacity, not the machine.
 */
import { assertEquals, assertGreater, assertLessOrEqual } from "@std/assert";
import { type FaultRun, report, withFaults } from "../../support/faults/fault_run.ts";
import { memoryGoesBack, residentMiB } from "../../support/faults/memory.ts";
import { countsOf, type Knock, Knocking, openDoor, type Way } from "../../support/load/doors.ts";
import { anInput } from "../../support/load/orders.ts";
import { quantileOf } from "../../support/recount/history.ts";
import { expectExact } from "../../support/recount/recount.ts";
import type { TestSql } from "../../support/services/database.ts";
import { KEY } from "../../support/services/instance.ts";
import type { ServiceProcess } from "../../support/services/service_process.ts";
import { until } from "../../support/services/services.ts";

/** Two batches of ten orders at a time, each 400 ms: 50 orders a second and instance. */
const BATCH_MS = 400;
const BATCH = 10;
const CAPACITY = 2 * BATCH * 1_000 / BATCH_MS;
const QUEUE = 150;
const GENTLE_STORES = 20;
/** The orders of all twenty stores together, for each instance. */
const GENTLE_PER_SECOND = 8;
const FLOOD_PER_CALL = 50;
/** Orders of each phase and instance, so that the p99 is not the slowest of all. */
const PHASE = 100;
const MOST_GROWTH_MIB = 200;
/** A p99 of at most this is never called slow: a machine may cause as much without any flood. */
const NOISE_MS = 50;

const p99Of = (knocks: readonly Knock[]) => quantileOf(knocks.map(({ ms }) => ms), 0.99);

async function queued(url: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  return Number(/^weir_writer_queue_orders (\d+)$/m.exec(text)?.[1]);
}

/** Makes each batch take its time, whatever its size. */
async function slowBatches(sql: TestSql): Promise<void> {
  await sql.unsafe(`
    create function sleeps() returns trigger language plpgsql as
      $$ begin perform pg_sleep(${BATCH_MS / 1_000}); return null; end $$;
    create trigger sleeps before insert on orders for each statement execute function sleeps()`);
}

/** Runs the twenty stores alone and then beside the flood. */
async function flooded(run: FaultRun, instances: number, way: Way) {
  const services: ServiceProcess[] = [];
  while (services.length < instances) services.push(await run.instance());
  const urls = services.map(({ url }) => url);
  const doorsOf = () => Promise.all(urls.map((url) => openDoor(way, url, KEY)));
  const [gentleDoors, floodDoors] = [await doorsOf(), await doorsOf()];
  let made = 0;
  const gentle = () =>
    new Knocking(
      gentleDoors,
      GENTLE_PER_SECOND * instances,
      () => [anInput({ storeId: `gentle-${made++ % GENTLE_STORES}` })],
    );
  const phase = async (orders: number) => {
    const knocking = gentle();
    await until("a phase", () => knocking.answered.length >= orders * instances, 60_000);
    return await knocking.stop();
  };
  try {
    await run.ask(slowBatches);
    await phase(30); // the connections are warm, and the pace is known
    const alone = await phase(PHASE);
    const memoryBefore = await Promise.all(services.map(residentMiB));
    const flood = new Knocking(
      floodDoors,
      10 * CAPACITY * instances / FLOOD_PER_CALL,
      () => Array.from({ length: FLOOD_PER_CALL }, () => anInput({ storeId: "flood" })),
    );
    await until("a full mailbox in each instance", async () => {
      const waiting = await Promise.all(urls.map(queued));
      return waiting.every((orders) => orders > 0.8 * QUEUE);
    });
    const from = performance.now();
    const [sent, answered] = [flood.sent, flood.answered.length];
    const beside = await phase(PHASE);
    const seconds = (performance.now() - from) / 1_000;
    const offered = (flood.sent - sent) * FLOOD_PER_CALL / seconds;
    const during = flood.answered.slice(answered);
    const all = await flood.stop();
    const memory = await Promise.all(services.map(async (service, index) => ({
      service,
      before: memoryBefore[index]!,
      after: await residentMiB(service),
    })));
    return { alone, beside, offered, during, all, memory };
  } finally {
    await Promise.all([...gentleDoors, ...floodDoors].map((door) => door.close()));
  }
}

for (const instances of [1, 2]) {
  for (const way of ["http", "websocket"] as const) {
    const where = `${instances} instance${instances === 1 ? "" : "s"}, ${way}`;
    Deno.test(`twenty stores do not notice one that sends ten times the capacity (${where})`, () =>
      withFaults(async (run) => {
        const { alone, beside, offered, during, all, memory } = await flooded(run, instances, way);
        report(where, {
          alone: { p50: quantileOf(alone.map(({ ms }) => ms), 0.5), p99: p99Of(alone) },
          beside: { p50: quantileOf(beside.map(({ ms }) => ms), 0.5), p99: p99Of(beside) },
          said: countsOf(beside),
          floodOfferedPerSecond: Math.round(offered),
          flood: countsOf(during),
          memoryMiB: memory.map(({ before, after }) => [before, after]),
        });
        assertEquals(countsOf(alone), { committed: alone.length });
        assertEquals(countsOf(beside), { committed: beside.length });
        assertLessOrEqual(p99Of(beside), Math.max(NOISE_MS, 3 * p99Of(alone)));
        assertGreater(offered, 9 * CAPACITY * instances, "orders of the flood a second");
        assertGreater(countsOf(during)["queue_full"] ?? 0, 0);
        const acknowledged = [...alone, ...beside, ...all].filter(({ said }) =>
          said === "committed"
        );
        assertEquals(
          await run.rowsOf(acknowledged.map(({ order }) => order)),
          acknowledged.length,
        );
        await until("the folds", () => run.ask(expectExact).then(() => true, () => false));
        await run.ask(expectExact);
        for (const { service, before, after } of memory) {
          assertLessOrEqual(after - before, MOST_GROWTH_MIB, "MiB");
          await memoryGoesBack(service, before);
        }
      }, {
        environment: {
          WEIR_BATCH_MAX_ORDERS: String(BATCH),
          WEIR_QUEUE_MAX_ORDERS: String(QUEUE),
        },
      }));
  }
}
