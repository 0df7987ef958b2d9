import { assert, assertEquals, assertGreater } from "@std/assert";
import { commitBatch } from "../../../sql/orders/batch.ts";
import { FOLD_LOCK, foldJournal } from "../../../sql/figures/fold.ts";
import { NOTICE_CHANNEL, notify, parseNotice } from "../../../sql/figures/notices.ts";
import type { Position } from "../../../sql/figures/position.ts";
import { deleteOldMinutes } from "../../../sql/figures/retention.ts";
import { readFigures } from "../../../sql/figures/snapshots.ts";
import { iso } from "../../../sql/time.ts";
import type { TestSql } from "../../support/services/database.ts";
import { fold, withPools } from "../../support/recount/folds.ts";
import { anOrder } from "../../support/load/orders.ts";
import { expectExact } from "../../support/recount/recount.ts";
import { until } from "../../support/services/services.ts";
import { showPosition } from "../../support/services/roles/withheld_position.ts";

Deno.test("a fold moves the journal exactly into the rollups of each store and of all stores", () =>
  withPools(async (pools, sql) => {
    await commitBatch(sql, [anOrder(), anOrder({ currency: "USD" })]);
    await commitBatch(sql, [anOrder({ storeId: "store-2" })]);
    const first = await fold(pools);
    assertEquals([first.version, first.journalRows, first.orders], [1, 2, 3]);
    assertEquals(first.notice?.scopes, ["*", "store-1", "store-2"]);
    await expectExact(sql);
    await commitBatch(sql, [anOrder()]);
    const second = await fold(pools);
    assertEquals([second.version, second.notice?.scopes], [2, ["*", "store-1"]]);
    await expectExact(sql);
    const [left] = await sql`select from journal`;
    assertEquals(left, undefined);
    const versions = await sql`select scope, version from scope_versions order by scope`;
    assertEquals(versions.map((row) => [row["scope"], Number(row["version"])]), [
      ["*", 2],
      ["store-1", 2],
      ["store-2", 1],
    ]);
  }));

Deno.test("a fold of an empty journal changes no version and sends no notice, but moves asOf", () =>
  withPools(async (pools, sql) => {
    await commitBatch(sql, [anOrder()]);
    await fold(pools);
    const before = await readFigures(pools.read, "*");
    await sql`update scope_versions set as_of = as_of - interval '10 seconds'`;
    const idle = await fold(pools);
    assertEquals([idle.version, idle.journalRows, idle.notice], [1, 0, null]);
    const after = await readFigures(pools.read, "*");
    assertEquals(after.version, before.version);
    assert(after.asOf >= before.asOf, `${after.asOf} is not before ${before.asOf}`);
  }));

Deno.test("a late commit is counted once, after any number of folds during its transaction", () =>
  withPools(async (pools, sql, session) => {
    const late = session();
    const undone = session();
    await late`begin`;
    await commitBatch(late, [anOrder(), anOrder()]);
    await undone`begin`;
    await commitBatch(undone, [anOrder()]);
    for (let round = 0; round < 3; round++) {
      await commitBatch(sql, [anOrder()]);
      assertEquals((await fold(pools)).orders, 1);
      await expectExact(sql);
    }
    await undone`rollback`;
    await late`commit`;
    assertEquals((await fold(pools)).orders, 2);
    assertEquals((await fold(pools)).orders, 0);
    await expectExact(sql);
    assertEquals((await readFigures(pools.read, "*")).currencies[0]?.today.orders, 5);
  }));

Deno.test("one fold runs at a time, and a second one returns locked", () =>
  withPools(async (pools, sql, session) => {
    await commitBatch(sql, [anOrder()]);
    const holder = session();
    await holder`begin`;
    await holder`select pg_advisory_xact_lock(${FOLD_LOCK})`;
    assertEquals(await foldJournal(pools.fold), { outcome: "locked" });
    await holder`rollback`;
    assertEquals((await fold(pools)).orders, 1);
  }));

Deno.test("a fold that hangs loses its lock and its transaction, and its process lives on", () =>
  withPools(async (pools, sql) => {
    await commitBatch(sql, [anOrder()]);
    const holding = Promise.withResolvers<void>();
    const resume = Promise.withResolvers<void>();
    const stopped = pools.fold.transaction(async (tx) => {
      await tx`select pg_advisory_xact_lock(${FOLD_LOCK})`;
      await tx`delete from journal`;
      holding.resolve();
      await resume.promise; // the session is idle for longer than it may be
    }).then(() => "survived", () => "ended");
    await holding.promise;
    assertEquals(await isFree(sql), false);
    await until("the lock to be free and the journal back", () => isFree(sql), 5_000);
    resume.resolve();
    assertEquals(await stopped, "ended");
    assertEquals((await fold(pools)).orders, 1);
    await expectExact(sql);
  }));

/** True when the fold's lock is free and the journal's row is still there. */
async function isFree(sql: TestSql): Promise<boolean> {
  const [row] = await sql<{ got: boolean; left: string }[]>`
    select pg_try_advisory_xact_lock(${FOLD_LOCK}) as got, (select count(*) from journal) as left`;
  return row?.got === true && row.left === "1";
}

Deno.test("a fold that changes 300 scopes with long names makes one notice that says all", () =>
  withPools(async (pools, sql) => {
    const heard: string[] = [];
    const { unlisten } = await sql.listen(NOTICE_CHANNEL, (payload) => heard.push(payload));
    await commitBatch(
      sql,
      Array.from({ length: 300 }, (_, i) => anOrder({ storeId: `${i}-`.padEnd(64, "x") })),
    );
    const { notice } = await fold(pools);
    assertEquals(notice?.scopes, "all");
    await notify(sql, [JSON.stringify(notice)]);
    await until("the notice to be heard", () => heard.length > 0);
    assertEquals(heard.map(parseNotice), [notice]);
    await expectExact(sql);
    await unlisten();
  }));

Deno.test("a fold begins a new epoch on another database, timeline or server start than the epoch's", () =>
  withPools(async (pools, sql) => {
    await showPosition(sql); // the group worst withholds it, and with it the timeline
    await commitBatch(sql, [anOrder()]);
    const first = await fold(pools);
    await sql`update epochs set timeline = timeline + 1`;
    const second = await fold(pools);
    assertGreater(second.epoch, first.epoch);
    assertEquals(second.journalRows, 0);
    assertEquals(second.notice?.scopes, "all");
    assertEquals((await readFigures(pools.read, "*")).epoch, second.epoch);
    assertEquals((await readFigures(pools.read, "*")).version, second.version);
    const third = await fold(pools);
    assertEquals([third.epoch, third.version], [second.epoch, second.version]);
    await sql`update epochs set identity = 'another' where epoch = ${second.epoch}`;
    const fourth = await fold(pools);
    assertGreater(fourth.epoch, second.epoch);
    await sql`update epochs set started_at = started_at - interval '1 day'`;
    assertGreater((await fold(pools)).epoch, fourth.epoch, "the server was started since");
    await expectExact(sql);
  }));

Deno.test("a fold begins a new epoch when the database is behind the position seen before", () =>
  withPools(async (pools, sql) => {
    await commitBatch(sql, [anOrder()]);
    const { epoch, version } = await fold(pools);
    const foldKnowing = async (known: Position) => {
      const result = await foldJournal(pools.fold, known);
      assert(result.outcome === "folded");
      return result;
    };
    assertEquals((await foldKnowing({ epoch, version })).epoch, epoch);
    const ahead = { epoch, version: version + 7 };
    const began = await foldKnowing(ahead);
    assertGreater(began.epoch, epoch);
    assertEquals([began.version, began.notice?.scopes], [version + 1, "all"]);
    assertEquals((await foldKnowing(ahead)).epoch, began.epoch, "only one new epoch");
    const later = { epoch: began.epoch + 1_000_000_000, version: 1 };
    assertGreater((await foldKnowing(later)).epoch, later.epoch);
    await expectExact(sql);
  }));

Deno.test("an order of a minute past the horizon goes to its day alone", () =>
  withPools(async (pools, sql) => {
    const [clock] = await sql<{ now: Date }[]>`select now()`;
    const placedAgo = (hours: number) => iso(clock!.now.getTime() - hours * 3_600_000);
    await commitBatch(
      sql,
      [1, 47, 49, 72].map((hours) => ({ ...anOrder(), placedAt: placedAgo(hours) })),
    );
    await fold(pools);
    const minutes = await sql`select from rollup_minutes where scope = '*'`;
    const [days] = await sql`select sum(orders) as orders from rollup_days where scope = '*'`;
    assertEquals([minutes.length, days?.["orders"]], [2, "4"]);
    await expectExact(sql);
    // The two minutes that are kept grow old.
    await sql`update rollup_minutes set minute = minute - interval '2 hours'`;
    assertEquals(await deleteOldMinutes(pools.read), 2);
    assertEquals((await sql`select minute from rollup_minutes`).length, 2);
  }));

Deno.test("an order that commits during a fold is in the next fold, and asOf does not pass it", () =>
  withPools(async (pools, sql, session) => {
    const HELD_UP = 4_242;
    await sql`
      create function hold_up() returns trigger language plpgsql as
      'begin perform pg_advisory_xact_lock_shared(4242); return null; end'`;
    await sql`
      create trigger held_up after delete on journal for each statement execute function hold_up()`;
    const holder = session();
    await holder`select pg_advisory_lock(${HELD_UP})`;
    await commitBatch(sql, [anOrder()]);
    const folding = fold(pools);
    await until("the journal to be taken", async () => {
      const [waiting] = await sql`
        select from pg_locks where locktype = 'advisory' and objid = ${HELD_UP} and not granted`;
      return waiting !== undefined;
    });
    await commitBatch(sql, [anOrder()]);
    const [committed] = await sql<{ at: Date }[]>`select clock_timestamp() as at`;
    await holder`select pg_advisory_unlock(${HELD_UP})`;
    assertEquals((await folding).orders, 1);
    const { asOf, currencies } = await readFigures(pools.read, "*");
    assertEquals(currencies[0]?.today.orders, 1);
    assert(asOf < iso(committed!.at), `${asOf} says that the second order is in`);
    await sql`drop trigger held_up on journal`;
    assertEquals((await fold(pools)).orders, 1);
    await expectExact(sql);
  }));
