/** One idempotency key with two contents, on two instances, in the overflow and in the database. */
import { assert, assertEquals } from "@std/assert";
import type { PlaceInput } from "../../../client/contract/order.ts";
import type { FaultLoad } from "../../support/faults/fault_load.ts";
import { type FaultRun, report, statusOf, withFaults } from "../../support/faults/fault_run.ts";
import { type Answer, contentOf, outcomeOf } from "../../support/recount/history.ts";
import { until } from "../../support/services/services.ts";
import { WireProxy } from "../../support/faults/wire_proxy.ts";

const withOtherContent = (order: PlaceInput): PlaceInput => ({ ...order, customerRef: "another" });

/** Resolves when an instance under load has noticed that its database is away. */
async function openCircuit(url: string): Promise<void> {
  await until(
    "the circuit to open",
    async () => (await statusOf(url)).writer.circuit === "open",
  );
}

/** Starts two instances and a load on both. The second one may have an overflow of its own. */
async function twoInstances(run: FaultRun, prefixOfSecond = run.prefix) {
  const first = await run.instance();
  const second = await run.instance({ WEIR_REDIS_PREFIX: prefixOfSecond });
  const urls = [first.url, second.url] as const;
  return { urls, load: await underLoad(run, urls) };
}

async function underLoad(run: FaultRun, urls: readonly string[]): Promise<FaultLoad> {
  const load = run.load({ urls: () => urls });
  load.start();
  await load.answered(100);
  return load;
}

async function lettersOf(run: FaultRun) {
  return await run.ask((sql) =>
    sql<{ key: string; reason: string; payload: PlaceInput }[]>`
      select payload->>'idempotencyKey' as key, reason, payload from dead_letters`
  );
}

/** Expects the content of `order` in its row, and the other content in one dead letter. */
async function expectConflict(run: FaultRun, order: PlaceInput): Promise<void> {
  const { orders } = await run.stored();
  const rows = orders.filter(({ key }) => key === order.idempotencyKey);
  assertEquals(rows.map(({ content }) => content), [contentOf(order)]);
  const letters = await lettersOf(run);
  assertEquals(letters.map(({ key, reason }) => [key, reason]), [[
    order.idempotencyKey,
    "conflict",
  ]]);
  assertEquals(contentOf(letters[0]!.payload), contentOf(withOtherContent(order)));
}

Deno.test("a committed key is spilled while the database is away, and its other content is a conflict", () =>
  withFaults(async (run) => {
    // The second instance has an overflow of its own: it does not see what the first one spilled.
    const otherPrefix = `${run.prefix}-second`;
    const { urls: [first, second], load } = await twoInstances(run, otherPrefix);
    const order = load.newOrder();
    const other = withOtherContent(order);
    assertEquals(outcomeOf(await load.attempt(order, first)), "committed");
    await run.postgres.kill();
    for (const url of [first, second]) await openCircuit(url);
    const again = await load.attempt(order, first);
    assertEquals(outcomeOf(again), "spilled");
    assertEquals(outcomeOf(await load.attempt(other, second)), "spilled");
    await run.postgres.start();
    await run.drained(30_000);
    await run.drained(30_000, otherPrefix);
    await expectConflict(run, order);
    await until(
      "the second instance to see its database",
      async () => (await statusOf(second)).writer.circuit === "closed",
    );
    const last = await load.attempt(order, second);
    assert(last.kind === "acknowledged" && again.kind === "acknowledged");
    assertEquals([last.status, last.replayed, last.orderId], ["committed", true, again.orderId]);
    assertEquals(outcomeOf(await load.attempt(other, second)), "idempotency_mismatch");
    await load.stop();
    await run.drained(30_000, otherPrefix);
    await run.verify(load, 1);
    report("committed, then sent with other content", load.figures);
  }));

Deno.test("the first content of a key in the overflow is spilled, and other content is a mismatch", () =>
  withFaults(async (run) => {
    const { urls: [first, second], load } = await twoInstances(run);
    const [sooner, later] = [load.newOrder(), load.newOrder()];
    for (const order of [sooner, later]) {
      assertEquals(outcomeOf(await load.attempt(order, first)), "committed");
    }
    await run.postgres.kill();
    for (const url of [first, second]) await openCircuit(url);
    // The committed content comes first: the overflow knows it, and refuses the other content.
    assertEquals(outcomeOf(await load.attempt(sooner, first)), "spilled");
    const mismatch = await load.attempt(withOtherContent(sooner), second);
    assertEquals(outcomeOf(mismatch), "idempotency_mismatch");
    // The other content comes first: no instance can know better, so it is taken, and parked later.
    assertEquals(outcomeOf(await load.attempt(withOtherContent(later), second)), "spilled");
    assertEquals(outcomeOf(await load.attempt(later, first)), "idempotency_mismatch");
    await run.postgres.start();
    await run.drained();
    await expectConflict(run, later);
    // Once an instance has found the database again, it answers with the row of the database.
    for (const [order, url] of [[later, first], [sooner, second]] as const) {
      await until(
        "the answer of the row",
        async () => outcomeOf(await load.attempt(order, url)) === "committed",
      );
    }
    await run.verify(load, 1);
    report("two contents in one overflow", load.figures);
  }));

Deno.test("keys spilled through one instance and committed through another are one row each", () =>
  withFaults(async (run) => {
    const proxy = WireProxy.to(run.postgres.url);
    try {
      const whole = await run.instance();
      const cutOff = await run.instance({ DATABASE_URL: proxy.through(run.postgres.url) });
      const load = await underLoad(run, [whole.url, cutOff.url]);
      proxy.cut();
      await openCircuit(cutOff.url);
      const answers: Answer[][] = [];
      for (let round = 0; round < 40; round++) {
        const order = load.newOrder();
        const ways = round % 2 === 0 ? [cutOff.url, whole.url] : [whole.url, cutOff.url];
        // The instance that is not cut off drains as well: before the commit, after it, or at the
        // same time.
        answers.push(
          round % 4 < 2
            ? await Promise.all(ways.map((url) => load.attempt(order, url)))
            : [await load.attempt(order, ways[0]), await load.attempt(order, ways[1])],
        );
      }
      await run.verify(load);
      const outcomes = answers.flat().map(outcomeOf);
      report("spilled here, committed there", load.figures);
      assertEquals(new Set(outcomes), new Set(["spilled", "committed"]));
      assertEquals((await lettersOf(run)).length, 0);
    } finally {
      await proxy.close();
    }
  }));

Deno.test("100 simultaneous calls with one key on two instances are one row and one answer", () =>
  withFaults(async (run) => {
    const { urls, load } = await twoInstances(run);
    for (let round = 0; round < 10; round++) {
      const order = load.newOrder();
      const other = withOtherContent(order);
      const mixed = round % 2 === 1;
      const answers = await Promise.all(
        Array.from({ length: 100 }, (_, index) => {
          const isOther = mixed && index === round * 10;
          return load.attempt(isOther ? other : order, urls[index % 2]);
        }),
      );
      const { orders } = await run.stored();
      const rows = orders.filter(({ key }) => key === order.idempotencyKey);
      assertEquals(rows.length, 1);
      const acknowledged = answers.filter((answer) => answer.kind === "acknowledged");
      const said = acknowledged.map(({ status, orderId, placedAt, totalMinor }) =>
        [status, orderId, placedAt, totalMinor].join()
      );
      assertEquals(new Set(said).size, 1, "the same answer for all");
      assertEquals(
        acknowledged.filter(({ replayed }) => !replayed).length,
        1,
        "one call placed the order",
      );
      // The first content has the key. Calls with other content are refused.
      const otherWon = rows[0]?.content === contentOf(other);
      assertEquals(acknowledged.length, mixed ? (otherWon ? 1 : 99) : 100);
      const refused = answers.filter((answer) => answer.kind !== "acknowledged").map(outcomeOf);
      assert(refused.every((outcome) => outcome === "idempotency_mismatch"), refused.join());
    }
    await run.verify(load);
    report("100 calls with one key", load.figures);
  }));
