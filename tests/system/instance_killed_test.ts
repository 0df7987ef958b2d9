/** An instance killed (SIGKILL) under load, at random moments and at chosen ones. */
import { assertEquals, assertGreater } from "@std/assert";
import type { PlaceInput } from "../../sql/order.ts";
import type { FaultLoad } from "../support/fault_load.ts";
import { type FaultRun, report, withFaults } from "../support/fault_run.ts";
import { outcomeOf } from "../support/history.ts";
import { Random } from "../support/random.ts";
import { until } from "../support/services.ts";
import type { ServiceProcess } from "../support/service_process.ts";
import { WireProxy } from "../support/wire_proxy.ts";

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
    const outcomes = load.history.outcomes();
    report("kill -9 of an instance", { seed, rounds: ROUNDS, outcomes });
    assertGreater(outcomes["no answer"] ?? 0, 0, "calls that the kills cut off");
  }));

/** What is known of orders on their way when their instance is to be killed. */
interface Underway {
  /** Keys that were seen in a batch on its way to the database. */
  readonly sent: ReadonlySet<string>;
  readonly answered: number;
  readonly rows: number;
}

/** A moment at which the instance is killed; then the callers repeat. */
interface Moment {
  readonly name: string;
  /** Keeps the moment, called when a batch is on its way to the database. */
  freeze(proxy: WireProxy): void;
  hasCome(underway: Underway): boolean;
}

const MOMENTS: readonly Moment[] = [
  {
    name: "before its batch has reached the database",
    freeze: (proxy) => proxy.requests = "dropped",
    hasCome: ({ sent, rows, answered }) => sent.size > 0 && rows === 0 && answered === 0,
  },
  {
    name: "after COMMIT, before it hears of it",
    freeze: (proxy) => proxy.replies = "held",
    hasCome: ({ sent, rows, answered }) => rows > 0 && rows === sent.size && answered === 0,
  },
  {
    name: "after the answer",
    freeze: () => undefined,
    hasCome: ({ rows, answered }) => rows === ORDERS && answered === ORDERS,
  },
];

const ORDERS = 20;

const rowsOf = (run: FaultRun) => run.ask(async (sql) => (await sql`select from orders`).length);

/** A batch's statement that has begun in the database and cannot end. */
const waitingBatches = (run: FaultRun) =>
  run.ask(async (sql) => {
    const waiting = await sql`
      select from pg_stat_activity
      where application_name = 'weir write' and wait_event_type = 'Lock'`;
    return waiting.length;
  });

for (const { name, freeze, hasCome } of MOMENTS) {
  Deno.test(`an instance killed ${name} loses and doubles nothing`, () =>
    withFaults(async (run) => {
      const proxy = WireProxy.to(run.postgres.url);
      try {
        const service = await run.instance({ DATABASE_URL: proxy.through(run.postgres.url) });
        const load = run.load({ urls: () => [service.url] });
        const orders = Array.from({ length: ORDERS }, () => load.newOrder());
        const sent = new Set<string>();
        proxy.onRequest = (text) => {
          const keys = orders.map(({ idempotencyKey }) => idempotencyKey)
            .filter((key) => new RegExp(`\\b${key}\\b`).test(text));
          for (const key of keys) sent.add(key);
          if (keys.length > 0) freeze(proxy);
        };
        let answered = 0;
        const placing = placeAll(load, orders, service, () => answered++);
        await until("the moment", async () => hasCome({ sent, answered, rows: await rowsOf(run) }));
        await service.kill();
        proxy.dropConnections();
        await placing;
        const rows = await rowsOf(run);

        const next = await run.instance();
        const answers = await Promise.all(orders.map((order) => load.persist(order, next.url)));
        assertEquals(new Set(answers.map(outcomeOf)), new Set(["committed"]));
        const replayed = answers.filter((answer) =>
          answer.kind === "acknowledged" && answer.replayed
        );
        assertEquals(replayed.length, rows, "those that had been stored, and no others");
        await run.verify(load);
      } finally {
        await proxy.close();
      }
    }));
}

Deno.test("an instance killed while the database works on its batch loses and doubles nothing", () =>
  withFaults(async (run) => {
    const service = await run.instance();
    const load = run.load({ urls: () => [service.url] });
    const orders = Array.from({ length: ORDERS }, () => load.newOrder());
    await run.ask(async (session) => {
      await session`begin`;
      await session`lock table orders in access exclusive mode`;
      const placing = placeAll(load, orders, service, () => undefined);
      await until("the batch to be under way", async () => await waitingBatches(run) > 0);
      await service.kill();
      await placing;
      await session`rollback`;
    });
    // The server finds out that its client is gone only when it answers: the batch commits.
    await until("the batch to end", async () => await waitingBatches(run) === 0);
    const next = await run.instance();
    const answers = await Promise.all(orders.map((order) => load.persist(order, next.url)));
    assertEquals(new Set(answers.map(outcomeOf)), new Set(["committed"]));
    await run.verify(load);
  }));

/** Each of the orders sent once; resolves when all callers have an answer or know there is none. */
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
