import { assert, assertEquals, assertGreater, assertRejects } from "@std/assert";
import { commitBatch } from "../../../sql/orders/batch.ts";
import { cancelOrder } from "../../../sql/orders/cancellation.ts";
import { type Database, openDatabase } from "../../../sql/connection/database.ts";
import { FOLD_LOCK, foldJournal } from "../../../sql/figures/fold.ts";
import { NOTICE_CHANNEL, parseNotice } from "../../../sql/figures/notices.ts";
import { rebuildRollups } from "../../../sql/figures/rebuild.ts";
import { readFigures } from "../../../sql/figures/snapshots.ts";
import { type TestDatabase, withDatabase } from "../../support/services/database.ts";
import { anOrder } from "../../support/load/orders.ts";
import { expectExact } from "../../support/recount/recount.ts";
import { until } from "../../support/services/services.ts";

function withPools(test: (database: TestDatabase, pools: Database) => Promise<void>) {
  return withDatabase(async (database) => {
    const { url } = database;
    const pools = openDatabase({ url, statementTimeoutMs: 5_000, writeConnections: 2 });
    try {
      await test(database, pools);
    } finally {
      await pools.end();
    }
  });
}

Deno.test("a rebuild mends spoiled rollups in a new epoch, and notifies all instances", () =>
  withPools(async ({ directUrl, sql }, pools) => {
    const heard: string[] = [];
    const { unlisten } = await sql.listen(NOTICE_CHANNEL, (payload) => heard.push(payload));
    const orders = [anOrder(), anOrder({ currency: "USD" }), anOrder({ storeId: "store-2" })];
    await commitBatch(sql, orders);
    await foldJournal(pools.fold);
    await cancelOrder(sql, { ...orders[1]!, reason: "spoiled" });
    await commitBatch(sql, [{ ...anOrder(), placedAt: "2026-01-01T00:00:00.000Z" }]);
    for (const table of ["rollup_minutes", "rollup_days", "rollup_products"]) {
      await sql`update ${sql(table)} set units = units + 1`;
    }
    await assertRejects(() => expectExact(sql));
    const before = await readFigures(pools.read, "*");

    const rebuilt = await rebuildRollups({ databaseUrl: directUrl });
    assertEquals([rebuilt.orders, rebuilt.version], [4, before.version + 1]);
    assertGreater(rebuilt.epoch, before.epoch);
    await expectExact(sql);
    assertEquals((await sql`select from journal`).length, 0);
    assertEquals((await sql`select from journal_sums`).length, 0);
    const minutes =
      await sql`select from rollup_minutes where minute < now() - interval '48 hours'`;
    assertEquals(minutes.length, 0, "minutes past the horizon are not made again");
    for (const scope of ["*", "store-1", "store-2"]) {
      const { epoch, version, asOf } = await readFigures(pools.read, scope);
      assertEquals([epoch, version], [rebuilt.epoch, rebuilt.version]);
      assert(asOf > before.asOf);
    }
    assert(rebuilt.notified);
    await until("the notice", () => heard.length === 1);
    const notice = parseNotice(heard[0]!);
    assertEquals([notice?.epoch, notice?.scopes], [rebuilt.epoch, "all"]);
    const folded = await foldJournal(pools.fold);
    assert(folded.outcome === "folded");
    assertEquals([folded.epoch, folded.version], [rebuilt.epoch, rebuilt.version]);
    await unlisten();
  }));

Deno.test("rebuilds count each order once while orders are placed, cancelled and folded", () =>
  withPools(async ({ directUrl, sql, session }, pools) => {
    const late = session();
    await late`begin`;
    await commitBatch(late, [anOrder()]); // commits after the first rebuild took its snapshot
    let placing = true;
    let placed = 0;
    const place = async (store: number) => {
      while (placing) {
        const orders = [anOrder({ storeId: `store-${store}` }), anOrder()];
        await commitBatch(sql, orders);
        await cancelOrder(sql, { ...orders[1]!, reason: null });
        placed += 2;
      }
    };
    const fold = async () => {
      while (placing) await foldJournal(pools.fold);
    };
    const busy = [place(1), place(2), fold()];
    for (let round = 1; round <= 5; round++) {
      await until("some orders", () => placed > round * 20);
      await rebuildRollups({ databaseUrl: directUrl });
      if (round === 1) await late`commit`;
      await expectExact(sql);
    }
    placing = false;
    await Promise.all(busy);
    await foldJournal(pools.fold);
    await expectExact(sql);
    assertEquals((await sql`select from orders`).length, placed + 1);
  }));

Deno.test("a rebuild waits for a running fold", () =>
  withPools(async ({ directUrl, sql, session }, pools) => {
    await commitBatch(sql, [anOrder()]);
    const fold = session();
    await fold`begin`;
    await fold`select pg_advisory_xact_lock(${FOLD_LOCK})`;
    let done = false;
    const rebuilding = rebuildRollups({ databaseUrl: directUrl }).finally(() => done = true);
    await until(
      "the rebuild to connect",
      async () =>
        (await sql`select from pg_stat_activity where application_name = 'weir rebuild'`).length >
          0,
    );
    assertEquals(done, false);
    await fold`rollback`;
    assertEquals((await rebuilding).orders, 1);
    await expectExact(sql);
    assertEquals((await foldJournal(pools.fold)).outcome, "folded", "the lock is free again");
  }));
