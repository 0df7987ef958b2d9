/**
 * A store sells thousands of new products each second, more than folds can take. The dashboard of
 * another store stays as young as before, the journal stays bounded, and every figure is exact.
 */
import { assert, assertEquals, assertGreater, assertLessOrEqual } from "@std/assert";
import { report, statusOf, withFaults } from "../../support/faults/fault_run.ts";
import { makeUsedLog } from "../../support/faults/used_log.ts";
import { memoryGoesBack, residentMiB } from "../../support/faults/memory.ts";
import { Gentle } from "../../support/load/gentle.ts";
import { LiveFeed } from "../../support/load/live_feed.ts";
import { anInput } from "../../support/load/orders.ts";
import { authorization, request } from "../../support/load/raw_calls.ts";
import { createTestClient, KEY } from "../../support/services/instance.ts";
import { expectExact } from "../../support/recount/recount.ts";
import { until } from "../../support/services/services.ts";

const STORE = "heavy";
const CALLS_A_SECOND = 4;
const ORDERS = 80;
const PRODUCTS = 100;
/** So few that the journal has them within seconds, and the door sheds during the test. */
const MOST_ENTRIES = 20_000;
/** The journal may pass its bound so many times: it is read once a second, and more comes then. */
const OVERSHOOT = 3;
const GENTLE_ORDERS = 300;
const MOST_AGE_MS = 2_000;
const MOST_TIMES = 3;
/** Twice what a busy machine showed. */
const MOST_P99_MS = 100;
const MOST_GROWTH_MIB = 200;

/** More calls than the attack makes. */
const MOST_CALLS = 100;

/**
 * The calls of the attack: orders of products that were never sold before. They are written before it
 * begins, because the attacker shares two cores with the service.
 */
function callsOfNewProducts(): string[] {
  let made = 0;
  const line = () => ({ sku: `new ${made++}`, quantity: 1, unitPriceMinor: 100 });
  const order = () => anInput({ storeId: STORE, lines: Array.from({ length: PRODUCTS }, line) });
  const call = () => JSON.stringify({ orders: Array.from({ length: ORDERS }, order) });
  return Array.from({ length: MOST_CALLS }, call);
}

/** Looks at the newest frame until `work` ends. @returns the greatest age that a viewer saw */
async function oldestDuring(feed: LiveFeed, work: () => Promise<unknown>): Promise<number> {
  let oldest = 0;
  const look = () => {
    const { newest } = feed;
    if (newest === undefined) return;
    oldest = Math.max(oldest, Date.now() - Date.parse(newest.snapshot.asOf));
  };
  const timer = setInterval(look, 20);
  try {
    await work();
  } finally {
    clearInterval(timer);
  }
  return oldest;
}

Deno.test("new products of one store leave the dashboard of another as young as it was", () =>
  withFaults(async (run) => {
    const service = await run.instance({ WEIR_JOURNAL_MAX_ENTRIES: String(MOST_ENTRIES) });
    await run.ask(makeUsedLog);
    const bodies = callsOfNewProducts();
    const client = createTestClient(service.url, KEY);
    await using gentle = await Gentle.start({ url: service.url, token: KEY });
    const feed = new LiveFeed(client.api, { storeId: "gentle" });
    await feed.reaches(({ currencies }) => currencies.length > 0);
    let quiet = await gentle.quiet(20);
    const quietAgeMs = await oldestDuring(feed, async () => {
      quiet = await gentle.quiet();
    });

    const before = await residentMiB(service);
    const answers: Record<string, number> = {};
    const calls: Promise<void>[] = [];
    const place = async (body: string | undefined) => {
      if (body === undefined) throw new Error("the attack has no more calls");
      const { text } = await request(`${service.url}/trpc/orders.placeMany`, {
        method: "POST",
        headers: { "content-type": "application/json", ...authorization(KEY) },
        body,
      });
      for (const [, answer = ""] of text.matchAll(/"(?:status|reason)":"(\w+)"/g)) {
        answers[answer] = (answers[answer] ?? 0) + 1;
      }
    };
    let mostEntries = 0;
    const seen = new Set<string>();
    let underFire = quiet;
    const ageMs = await oldestDuring(feed, async () => {
      const timer = setInterval(() => calls.push(place(bodies.pop())), 1_000 / CALLS_A_SECOND);
      const looking = setInterval(async () => {
        const { problems } = await statusOf(service.url);
        for (const { name, counts } of problems) {
          seen.add(name);
          mostEntries = Math.max(mostEntries, counts["journalEntries"] ?? 0);
        }
      }, 500);
      underFire = await gentle.during((answered) => answered(GENTLE_ORDERS));
      clearInterval(timer);
      clearInterval(looking);
      await Promise.all(calls);
    });
    const after = await residentMiB(service);
    report("new products", {
      quiet,
      underFire,
      ageMs: [quietAgeMs, ageMs],
      answers,
      mostEntries,
      memoryMiB: [before, after],
      problems: [...seen],
    });
    assertLessOrEqual(ageMs, Math.max(MOST_AGE_MS, MOST_TIMES * quietAgeMs), "ms");
    assertGreater(answers["queue_full"] ?? 0, 0);
    assertLessOrEqual(mostEntries, OVERSHOOT * MOST_ENTRIES);
    assert(seen.has("folds_behind"), "an operator hears of it");
    assertEquals(underFire.refusals, {}, "nobody else is refused");
    // Measured: 20 to 47 ms beside 8 to 15 without the attack, and 700 ms before the mend.
    assertLessOrEqual(underFire.p99Ms, Math.max(MOST_P99_MS, MOST_TIMES * quiet.p99Ms), "ms");
    const folded = async () => (await run.ask((sql) => sql`select from journal`)).length === 0;
    await until("the journal to be folded", folded, 120_000);
    await run.ask(expectExact);
    assertLessOrEqual(after - before, MOST_GROWTH_MIB, "MiB");
    await memoryGoesBack(service, before);
    feed.end();
    await client.close();
  }));
