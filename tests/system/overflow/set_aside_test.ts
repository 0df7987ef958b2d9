/** One order of the overflow can neither be stored nor become a dead letter. The others go on. */
import { assertEquals, assertLess, assertMatch } from "@std/assert";
import { report, withFaults } from "../../support/faults/fault_run.ts";
import { whileRefusing } from "../../support/faults/refusing_database.ts";
import { outcomeOf } from "../../support/recount/history.ts";
import { until } from "../../support/services/services.ts";

const ORDERS = 700;
const POISONED = 5;
const DRAINED_MS = 30_000;

Deno.test("699 spilled orders are drained around one that cannot even become a dead letter, and it is not lost", () =>
  withFaults(async (run) => {
    const service = await run.instance();
    const { url } = service;
    await run.ask(async (sql) => {
      await sql`alter table orders add constraint no_poison
                check (customer_ref is distinct from 'poison')`;
      await sql`alter table dead_letters add constraint no_letter
                check (payload->>'customerRef' is distinct from 'poison')`;
    });
    const load = run.load({ urls: () => [url] });
    const place = (count: number) =>
      load.attemptMany(Array.from({ length: count }, () => load.newOrder()), url)
        .then((answers) => answers.map(outcomeOf));
    const orders = Array.from({ length: ORDERS }, (_, index) => ({
      ...load.newOrder(),
      ...(index === POISONED ? { customerRef: "poison" } : {}),
    }));
    await whileRefusing(run, url, () => place(10), async () => {
      for (let from = 0; from < ORDERS; from += 100) {
        const answers = await load.attemptMany(orders.slice(from, from + 100), url);
        assertEquals(new Set(answers.map(outcomeOf)), new Set(["spilled"]));
      }
    });
    const begunAt = performance.now();
    await until("all orders but one to be drained", async () => await run.spilled() === 1, 60_000);
    const drainedMs = Math.round(performance.now() - begunAt);
    const { storeId } = orders[POISONED]!;
    const [line] = await service.says(/order \S+ of \S+ stays in the overflow, set aside: .+/);
    assertMatch(line, new RegExp(`of ${storeId} .*23514, and as a dead letter: 23514`));
    const scraped = async () => await (await fetch(`${url}/metrics`)).text();
    await until("the metric", async () => /^weir_spill_set_aside_orders 1$/m.test(await scraped()));
    assertEquals(new Set(await place(10)), new Set(["committed"]), "new orders notice nothing");
    await until("a second try", async () => {
      const aside = await run.ask((sql) => sql`select from dead_letters`);
      return aside.length === 0 && await run.spilled() === 1;
    });

    await run.ask((sql) => sql`alter table dead_letters drop constraint no_letter`);
    const lettered = performance.now();
    await run.drained();
    const letteredMs = Math.round(performance.now() - lettered);
    await run.verify(load, 1);
    const { stdout, stderr } = await service.stop();
    const said = `${stdout}${stderr}`.match(/stays in the overflow, set aside/g);
    report("one order set aside", { drainedMs, letteredMs });
    assertEquals(said?.length, 1, "it is named once");
    assertLess(drainedMs, DRAINED_MS);
  }));
