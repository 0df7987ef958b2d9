/**
 * A dump or a forgotten session holds a snapshot open for 1,500 folds. No dead row can be removed
 * meanwhile. The folds stay exact and as quick as they were.
 */
import { assert, assertEquals, assertLess } from "@std/assert";
import { commitBatch } from "../../../sql/orders/batch.ts";
import { openDatabase } from "../../../sql/connection/database.ts";
import { foldJournal } from "../../../sql/figures/fold.ts";
import { readFigures } from "../../../sql/figures/snapshots.ts";
import { type TestSql, withDatabase } from "../../support/services/database.ts";
import { report } from "../../support/faults/fault_run.ts";
import { quantileOf } from "../../support/recount/history.ts";
import { anOrder } from "../../support/load/orders.ts";
import { expectExact } from "../../support/recount/recount.ts";

const MOST_TIMES = 3;
/** A read is so quick that a busy machine is visible in its time. */
const MOST_TIMES_READ = 10;
const FOLDS = 1_500;
/** Folds between two runs of ANALYZE, which autovacuum does at any time. New plans follow it. */
const ANALYZED_EVERY = 500;
const DEAD_ROWS = 120_000;
const BATCHES = 4;
const BATCH_ORDERS = 25;
const STORES = 20;
const PRODUCTS = 50;

let made = 0;

/** A tenth of the products is free, so their revenue is the same in every version. */
const priceOf = (made: number) => made % 10 === 0 ? 0 : 100 + made % 997;

/** Orders of all stores and of many products. */
const orders = () =>
  Array.from({ length: BATCH_ORDERS }, () => {
    made++;
    return anOrder({
      storeId: `store-${made % STORES}`,
      lines: [{ sku: `sku-${made % PRODUCTS}`, quantity: 1, unitPriceMinor: priceOf(made) }],
    });
  });

/** Leaves journal rows behind as a fold does: deleted, and still there for the held snapshot. */
async function leaveDeadRows(sql: TestSql, count: number): Promise<void> {
  await sql`
    with rows as (
      insert into journal (batch_id, format, orders)
      select gen_random_uuid(), 2, 0 from generate_series(1, ${count}) returning batch_id
    )
    insert into journal_sums
    select batch_id, '{s}', '{EUR}', array[now()], '{1}', '{1}', '{1}', '{0}', '{0}', '{s}',
           '{EUR}', array[now()::date], '{tea}', '{1}', '{1}'
    from rows`;
  await sql`delete from journal_sums where store_ids = '{s}'`;
  await sql`delete from journal where orders = 0`;
}

Deno.test("folds stay exact and quick while a snapshot is held open for 1,500 of them", () =>
  withDatabase(async ({ url, sql, session }) => {
    const pools = openDatabase({ url, statementTimeoutMs: 10_000, writeConnections: 2 });
    const foldMs: number[] = [];
    const readMs: number[] = [];
    const run = async (folds: number) => {
      foldMs.length = 0;
      readMs.length = 0;
      for (let fold = 0; fold < folds; fold++) {
        await Promise.all(Array.from({ length: BATCHES }, () => commitBatch(sql, orders())));
        const begunAt = performance.now();
        const result = await foldJournal(pools.fold);
        const foldedAt = performance.now();
        await readFigures(pools.read, "*");
        assert(result.outcome === "folded");
        assertEquals(result.journalRows, BATCHES);
        foldMs.push(foldedAt - begunAt);
        readMs.push(performance.now() - foldedAt);
        if ((fold + 1) % ANALYZED_EVERY === 0) await sql`analyze`;
      }
      return {
        foldP50: quantileOf(foldMs, 0.5),
        fold: quantileOf(foldMs, 0.95),
        readP50: quantileOf(readMs, 0.5),
        read: quantileOf(readMs, 0.95),
      };
    };
    await run(50); // connections and plans are made
    const usual = await run(300);
    const holder = session();
    await holder`begin isolation level repeatable read`;
    await holder`select count(*) from orders`;
    await leaveDeadRows(sql, DEAD_ROWS);
    const held = await run(FOLDS);
    await expectExact(sql);
    const [dead] = await sql<{ rows: string }[]>`
      select n_dead_tup as rows from pg_stat_user_tables where relname = 'journal'`;
    await holder`rollback`;
    await pools.end();
    report("a snapshot held open", { folds: FOLDS, deadRows: dead?.rows, p95Ms: { usual, held } });
    assertLess(held.fold, MOST_TIMES * usual.fold, "milliseconds, p95 of a fold");
    assertLess(held.read, MOST_TIMES_READ * usual.read, "milliseconds, p95 of a read");
  }));
