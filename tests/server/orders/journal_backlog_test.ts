import { assertEquals, assertGreater } from "@std/assert";
import { JournalBacklog } from "../../../server/orders/journal_backlog.ts";
import { type Backlog, readBacklog } from "../../../sql/figures/backlog.ts";
import { commitBatch } from "../../../sql/orders/batch.ts";
import { anOrder, manyLines } from "../../support/load/orders.ts";
import { fold, withPools } from "../../support/recount/folds.ts";

const MOST = 1_000;

/** A backlog whose reads and clock the test makes. */
async function withBacklog(
  test: (
    backlog: JournalBacklog,
    see: (read: Backlog | null) => Promise<void>,
    pass: (ms: number) => void,
  ) => Promise<void>,
): Promise<void> {
  let latest: Backlog | null = null;
  let now = 0;
  const backlog = new JournalBacklog({
    read: () => Promise.resolve(latest),
    mostEntries: MOST,
    now: () => now,
  });
  try {
    await test(backlog, (read) => {
      latest = read;
      return backlog.look();
    }, (ms) => now += ms);
  } finally {
    await backlog.stop();
  }
}

const long = (entries: number, version: number, stores: Record<string, number>): Backlog => ({
  entries,
  ofStores: new Map(Object.entries(stores)),
  version,
});

Deno.test("JournalBacklog refuses the stores that make the backlog, and no other", () =>
  withBacklog(async (backlog, see) => {
    const stores = { heavy: 1_000, small: 10 };
    await see(long(MOST, 1, stores));
    await see(long(MOST, 2, stores));
    assertEquals(backlog.refusalOf("heavy"), null, "at the bound");
    await see(long(MOST + 1, 3, stores));
    const refusal = backlog.refusalOf("heavy");
    assertEquals(refusal?.reason, "queue_full");
    assertGreater(refusal?.retryAfterMs ?? 0, 0);
    assertEquals([backlog.refusalOf("small"), backlog.refusalOf("other")], [null, null]);
    assertEquals(backlog.signs, { entries: MOST + 1, largestStore: "heavy", refusedOrders: 1 });
  }));

Deno.test("JournalBacklog refuses every order when the shared rows alone are past the bound", () =>
  withBacklog(async (backlog, see) => {
    const stores = { heavy: 9 * MOST };
    await see(long(10 * MOST, 1, stores));
    await see(long(10 * MOST, 2, stores));
    assertEquals(backlog.refusalOf("any"), null);
    await see(long(10 * MOST + 1, 3, stores));
    assertEquals(backlog.refusalOf("any")?.reason, "queue_full");
  }));

Deno.test("JournalBacklog counts the lines that are on their way", () =>
  withBacklog(async (backlog, see) => {
    await see(long(MOST - 10, 1, { heavy: 900 }));
    await see(long(MOST - 10, 2, { heavy: 900 }));
    const ends = [backlog.count(10), backlog.count(1)];
    assertEquals(backlog.refusalOf("heavy")?.reason, "queue_full");
    assertEquals(backlog.refusalOf("other"), null);
    for (const end of ends) end();
    assertEquals(backlog.refusalOf("heavy"), null);
    await see(long(MOST / 2, 3, { heavy: MOST / 2 }));
    const end = backlog.count(9 * MOST);
    assertEquals(backlog.refusalOf("heavy"), null, "orders alone are no long journal");
    end();
  }));

Deno.test("JournalBacklog refuses nothing while no fold ends, because orders are worth more", () =>
  withBacklog(async (backlog, see, pass) => {
    await see(long(9 * MOST, 7, { heavy: 9 * MOST }));
    assertEquals(backlog.refusalOf("heavy"), null, "nobody has seen a fold end");
    await see(long(9 * MOST, 8, { heavy: 9 * MOST }));
    assertEquals(backlog.refusalOf("heavy")?.reason, "queue_full");
    pass(10_000);
    assertEquals([backlog.refusalOf("heavy"), backlog.isFull], [null, false]);
    await see(null);
    assertEquals(backlog.signs.entries, 9 * MOST, "a read that failed changes nothing");
  }));

Deno.test("readBacklog() counts the entries that wait, and those of stores with rows of their own", () =>
  withPools(async (pools, sql) => {
    assertEquals(await readBacklog(pools.read), { entries: 0, ofStores: new Map(), version: 0 });
    await commitBatch(sql, [anOrder(), anOrder({ storeId: "heavy", lines: manyLines(100) })]);
    assertEquals(await readBacklog(pools.read), {
      entries: 2 + 101,
      ofStores: new Map([["heavy", 101]]),
      version: 0,
    });
    const { version } = await fold(pools);
    assertEquals(await readBacklog(pools.read), { entries: 0, ofStores: new Map(), version });
    await commitBatch(sql, [anOrder()]);
    const after = await readBacklog(pools.read);
    assertEquals(after, { entries: 2, ofStores: new Map(), version });
  }));
