/** Orders that the database refuses for their content, among many that it takes. */
import { assert, assertEquals, assertGreater, assertLess } from "@std/assert";
import { type FaultRun, report, withFaults } from "../../support/faults/fault_run.ts";
import { outcomeOf } from "../../support/recount/history.ts";

const ORDERS = 500;
const POISONED = [7, 250, 499];
const LANES = 2;
/** The begin of the keys of counted orders. A transaction with one counts, even if rolled back. */
const COUNTED = "counted-";

/**
 * Makes some orders poison by a constraint, and counts the transactions with counted orders. A
 * sequence counts them, because a rollback does not set it back. The first counted row of each
 * transaction moves the sequence.
 */
async function poison(run: FaultRun): Promise<void> {
  await run.ask(async (sql) => {
    await sql`alter table orders add constraint no_poison
              check (customer_ref is distinct from 'poison')`;
    await sql`create sequence tries`;
    await sql`create function count_try() returns trigger language plpgsql as $$
              declare
                xact text := pg_current_xact_id()::text;
              begin
                if starts_with(new.idempotency_key, 'counted-')
                   and current_setting('test.counted', true) is distinct from xact then
                  perform nextval('tries'), set_config('test.counted', xact, false);
                end if;
                return new;
              end $$`;
    await sql`create trigger tried before insert on orders
              for each row execute function count_try()`;
  });
}

async function transactionsOf(run: FaultRun): Promise<number> {
  const [row] = await run.ask((sql) => sql<{ last_value: string }[]>`select last_value from tries`);
  return Number(row?.last_value);
}

Deno.test("3 poisoned orders in 500 become 3 dead letters, and 497 commit in bounded transactions", () =>
  withFaults(async (run) => {
    const instances = [await run.instance(), await run.instance()];
    const [url = ""] = instances.map((instance) => instance.url);
    await poison(run);
    const load = run.load({ urls: () => instances.map((one) => one.url), ratePerSecond: 250 });
    load.start();
    await load.answered(100);
    const orders = Array.from({ length: ORDERS }, (_, index) => ({
      ...load.newOrder(),
      idempotencyKey: `${COUNTED}${index}`,
      ...(POISONED.includes(index) ? { customerRef: "poison" } : {}),
    }));
    const answers = await load.attemptMany(orders, url);
    const transactions = await transactionsOf(run);
    for (const [index, answer] of answers.entries()) {
      assertEquals(outcomeOf(answer), POISONED.includes(index) ? "rejected" : "committed");
    }
    await load.answered(100);
    await run.verify(load, POISONED.length);
    const { letters } = await run.stored();
    assertEquals(
      letters.map(({ key }) => key).sort(),
      POISONED.map((index) => orders[index]!.idempotencyKey).sort(),
    );
    const bound = 2 * POISONED.length * Math.ceil(Math.log2(ORDERS)) + LANES;
    report("3 poisoned orders in 500", { ...load.figures, transactions, bound });
    assertGreater(transactions, 2 * POISONED.length, "the transactions were counted");
    assertLess(transactions, bound + 1);
    const { outcomes } = load.figures;
    assertEquals(Object.keys(outcomes).sort(), ["committed", "rejected"]);
    assertEquals(outcomes["rejected"], POISONED.length, "no order of the load was rejected");
  }));

Deno.test("poisoned orders under load fail alone, and the circuit stays closed", () =>
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
    // The same order sent again is the same dead letter.
    assertEquals(outcomeOf(await load.attempt(poisoned[0]!, url)), "rejected");
    await run.verify(load, poisoned.length);
    const { outcomes } = load.figures;
    report("poison under load", load.figures);
    assertGreater(outcomes["committed"] ?? 0, 300);
    assert(Object.keys(outcomes).every((outcome) => ["committed", "rejected"].includes(outcome)));
  }));
