/** An instance is killed (SIGKILL) under load, at random moments and at chosen ones. */
import { assert, assertEquals, assertGreater } from "@std/assert";
import { commitBatch } from "../../../sql/orders/batch.ts";
import { toNewOrder } from "../../../sql/orders/new_order.ts";
import type { FaultLoad } from "../../support/faults/fault_load.ts";
import { type FaultRun, report, withFaults } from "../../support/faults/fault_run.ts";
import { outcomeOf } from "../../support/recount/history.ts";
import { Random } from "../../support/load/random.ts";
import { until } from "../../support/services/services.ts";
import type { ServiceProcess } from "../../support/services/service_process.ts";
import { CARRIED_OUT, WireProxy } from "../../support/faults/wire_proxy.ts";
import { type PlaceInput, placeInput } from "../../../client/contract/order.ts";

const ROUNDS = 5;

Deno.test("an instance killed at random moments, again and again, loses and doubles nothing", () =>
  withFaults(async (run) => {
    const services = [await run.instance(), await run.instance()];
    const load = run.load({ urls: () => services.map(({ url }) => url), ratePerSecond: 250 });
    const { attempts, seed } = load.history;
    const random = new Random(seed);
    load.start();
    for (let round = 0; round < ROUNDS; round++) {
      const before = attempts.length;
      await until("some orders", () => attempts.length > before + 200);
      await new Promise((resolve) => setTimeout(resolve, random.int(0, 300))); // the random moment
      const victim = round % services.length;
      await services[victim]!.kill();
      services[victim] = await run.instance();
    }
    await run.verify(load);
    report("kill -9 of an instance", { ...load.figures, rounds: ROUNDS });
    assertGreater(load.figures.outcomes["no answer"] ?? 0, 0, "calls that the kills cut off");
  }));

/** The orders beside the load. The instance is killed at a chosen moment of these orders. */
const ORDERS = 20;

/** The progress of these orders. */
interface Underway {
  /** Keys seen in a batch on its way to the database. */
  readonly sent: ReadonlySet<string>;
  readonly answered: number;
  readonly rows: number;
}

/** A moment to kill the instance. Afterwards the callers send again. */
interface Moment {
  readonly name: string;
  /** True when one of the orders is stored before. PostgreSQL refuses its batch once, and it is sent again. */
  readonly hasReplay?: boolean;
  /** Makes the moment last. Called when a batch with one of the orders is on its way. */
  freeze(proxy: WireProxy): void;
  hasCome(underway: Underway): boolean;
}

/** Lets refusals through: the batch comes again after one. */
function loseAnswer(proxy: WireProxy): void {
  proxy.onReply = (text) => text.includes(CARRIED_OUT) ? "dropped" : undefined;
}

const MOMENTS: readonly Moment[] = [
  {
    name: "before its batch has reached the database",
    freeze: (proxy) => proxy.requests = "dropped",
    hasCome: ({ sent, rows, answered }) => sent.size > 0 && rows === 0 && answered === 0,
  },
  {
    name: "after COMMIT, before it gets the answer",
    freeze: loseAnswer,
    hasCome: ({ sent, rows, answered }) => rows > 0 && rows === sent.size && answered === 0,
  },
  {
    name: "after COMMIT of a batch with a replay, before it gets the answer",
    hasReplay: true,
    freeze: loseAnswer,
    hasCome: ({ sent, rows, answered }) => rows > 1 && rows === sent.size && answered === 0,
  },
  {
    name: "after the answer",
    freeze: () => undefined,
    hasCome: ({ rows, answered }) => rows === ORDERS && answered === ORDERS,
  },
];

for (const { name, hasReplay, freeze, hasCome } of MOMENTS) {
  Deno.test(`an instance killed ${name} loses and doubles nothing`, () =>
    withFaults(async (run) => {
      const proxy = WireProxy.to(run.postgres.url);
      try {
        let service = await run.instance({ DATABASE_URL: proxy.through(run.postgres.url) });
        const load = await underLoad(run, () => service.url);
        const orders = Array.from({ length: ORDERS }, () => load.newOrder());
        if (hasReplay) await load.persist(orders[0]!);
        const sent = new Set<string>();
        proxy.onRequest = (text) => {
          const keys = orders.map(({ idempotencyKey }) => idempotencyKey)
            .filter((key) => text.includes(`"${key}"`));
          for (const key of keys) sent.add(key);
          if (keys.length > 0) freeze(proxy);
        };
        let answered = 0;
        const placing = placeAll(load, orders, service, () => answered++);
        await until(
          "the moment",
          async () => hasCome({ sent, answered, rows: await run.rowsOf(orders) }),
        );
        await service.kill();
        proxy.dropConnections();
        await placing;
        await sessionsEnd(run);
        const rows = await run.rowsOf(orders);

        service = await run.instance();
        await expectRepeated(load, orders, service, rows);
        await run.verify(load);
        report(`kill -9 of an instance ${name}`, { ...load.figures, sent: sent.size, rows });
      } finally {
        await proxy.close();
      }
    }));
}

Deno.test("an instance killed while the database works on its batch loses and doubles nothing", () =>
  withFaults(async (run) => {
    let service = await run.instance();
    const load = await underLoad(run, () => service.url);
    const orders = Array.from({ length: ORDERS }, () => load.newOrder());
    const waiting = await run.ask(async (session) => {
      // A batch with one of these orders waits for this session. Batches without them pass.
      await session`begin`;
      await commitBatch(session, orders.map((order) => toNewOrder(placeInput.parse(order))));
      const placing = placeAll(
        load,
        orders,
        service,
        () => assert(false, "an order was acknowledged before the kill"),
      );
      await until("a batch to be under way", async () => await run.batchesWaiting() > 0);
      const waiting = await run.batchesWaiting();
      await service.kill();
      await placing;
      await session`rollback`;
      return waiting;
    });
    // PostgreSQL notices that its client is gone only when it answers, so the batch commits.
    await sessionsEnd(run);
    const rows = await run.rowsOf(orders);
    assertGreater(rows, 0);
    service = await run.instance();
    await expectRepeated(load, orders, service, rows);
    await run.verify(load);
    report("kill -9 of an instance while the database works", { ...load.figures, waiting, rows });
  }));

async function underLoad(run: FaultRun, url: () => string): Promise<FaultLoad> {
  const load = run.load({ urls: () => [url()], ratePerSecond: 250 });
  load.start();
  await load.answered(100);
  return load;
}

/** Resolves when the database has finished all work of a killed instance. */
async function sessionsEnd(run: FaultRun): Promise<void> {
  await until("the sessions of the killed instance to end", () =>
    run.ask(async (sql) => {
      const left = await sql`
        select from pg_stat_activity where application_name = 'weir write'`;
      return left.length === 0;
    }));
}

/** Sends each order once. Resolves when each caller has an answer or knows that there is none. */
async function placeAll(
  load: FaultLoad,
  orders: readonly PlaceInput[],
  { url }: ServiceProcess,
  onAcknowledged: () => void,
): Promise<void> {
  await Promise.all(orders.map(async (order) => {
    const answer = await load.attempt(order, url);
    if (answer.kind === "acknowledged") onAcknowledged();
  }));
}

/** Sends all orders again, and expects that exactly the `rows` stored ones are replayed. */
async function expectRepeated(
  load: FaultLoad,
  orders: readonly PlaceInput[],
  { url }: ServiceProcess,
  rows: number,
): Promise<void> {
  const answers = await Promise.all(orders.map((order) => load.persist(order, url)));
  assertEquals(new Set(answers.map(outcomeOf)), new Set(["committed"]));
  const replayed = answers.filter((answer) => answer.kind === "acknowledged" && answer.replayed);
  assertEquals(replayed.length, rows, "exactly the orders stored before are replayed");
}
