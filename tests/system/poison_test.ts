/** Orders that the database refuses for their content, among many that it takes. */
import { assert, assertEquals, assertGreater, assertLess } from "@std/assert";
import { createTestClient, KEY } from "../support/instance.ts";
import { type FaultRun, report, withFaults } from "../support/fault_run.ts";
import { outcomeOf } from "../support/history.ts";
import { anInput } from "../support/orders.ts";

const ORDERS = 500;
const POISONED = [7, 250, 499];
const LANES = 2;

/** The constraint that makes some orders poison, and a counter that no rollback takes back. */
async function poison(run: FaultRun): Promise<void> {
  await run.ask(async (sql) => {
    await sql`alter table orders add constraint no_poison
              check (customer_ref is distinct from 'poison')`;
    await sql`create sequence tries`;
    await sql`create function count_try() returns trigger language plpgsql as
              'begin perform nextval(''tries''); return null; end'`;
    await sql`create trigger tried before insert on orders
              for each statement execute function count_try()`;
  });
}

Deno.test("3 poisoned orders in 500 become 3 dead letters, and 497 commit in bounded transactions", () =>
  withFaults(async (run) => {
    const { url } = await run.instance();
    await poison(run);
    const orders = Array.from(
      { length: ORDERS },
      (_, index) => anInput(POISONED.includes(index) ? { customerRef: "poison" } : {}),
    );
    const { api, close } = createTestClient(url, KEY);
    const { results } = await api.orders.placeMany.mutate({ orders });
    await close();
    for (const [index, result] of results.entries()) {
      assertEquals(result.ok, !POISONED.includes(index));
      if (result.ok) assertEquals(result.status, "committed");
      else assertEquals(result.error.reason, "rejected");
    }
    const [row] = await run.ask((sql) =>
      sql<{ last_value: string }[]>`select last_value from tries`
    );
    const transactions = Number(row?.last_value);
    const stored = await run.stored();
    assertEquals(stored.orders.length, ORDERS - POISONED.length);
    assertEquals(
      stored.letters.map(({ key }) => key).sort(),
      POISONED.map((index) => orders[index]!.idempotencyKey).sort(),
    );
    const bound = 2 * POISONED.length * Math.ceil(Math.log2(ORDERS)) + LANES;
    report("3 poisoned orders in 500", { transactions, bound });
    assertLess(transactions, bound + 1);
  }));

Deno.test("under load poisoned orders fail alone, and the circuit stays closed", () =>
  withFaults(async (run) => {
    const { url } = await run.instance();
    await poison(run);
    const load = run.load({ urls: () => [url], ratePerSecond: 250 });
    load.start();
    const poisoned = Array.from({ length: 40 }, () => ({
      ...load.newOrder(),
      customerRef: "poison",
    }));
    for (const order of poisoned) {
      assertEquals(outcomeOf(await load.attempt(order, url)), "rejected");
      await new Promise((resolve) => setTimeout(resolve, 40)); // spread over the load
    }
    // The same again is the same letter.
    assertEquals(outcomeOf(await load.attempt(poisoned[0]!, url)), "rejected");
    await run.verify(load, poisoned.length);
    const outcomes = load.history.outcomes();
    report("poison under load", { seed: load.history.seed, outcomes });
    assertGreater(outcomes["committed"] ?? 0, 300);
    assert(Object.keys(outcomes).every((outcome) => ["committed", "rejected"].includes(outcome)));
  }));
