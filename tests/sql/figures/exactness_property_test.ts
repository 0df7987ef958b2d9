/**
 * Rollups and journal together equal a recount after any interleaving of batches, folds and crashes
 * between their statements. The sessions are real. In a crash the server ends a session in the
 * middle of its work.
 */
import fc from "fast-check";
import { assert } from "@std/assert";
import { commitBatch, insertNew } from "../../../sql/orders/batch.ts";
import { QuickWay } from "../../../sql/orders/batch/quick_way.ts";
import type { NewOrder } from "../../../sql/orders/new_order.ts";
import { openDatabase, type Sql } from "../../../sql/connection/database.ts";
import { Session } from "../../../sql/connection/session.ts";
import { FOLD_LOCK, foldJournal } from "../../../sql/figures/fold.ts";
import { type TestSql, withDatabase } from "../../support/services/database.ts";
import { anOrder } from "../../support/load/orders.ts";
import { expectExact } from "../../support/recount/recount.ts";

/** A step of the history. A writer holds its transaction open until it commits or crashes. */
type Step =
  | { kind: "begin"; writer: number; keys: number[] }
  | { kind: "commit" | "crash" | "rollback"; writer: number }
  | { kind: "batch"; keys: number[] }
  | { kind: "fold" }
  | { kind: "crashedFold"; after: "delete" | "lock" };

const WRITERS = 3;
const keys = fc.array(fc.nat(14), { minLength: 1, maxLength: 4 });
const writer = fc.nat(WRITERS - 1);
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ kind: fc.constant("begin" as const), writer, keys }),
  fc.record({ kind: fc.constantFrom("commit", "crash", "rollback"), writer }),
  fc.record({ kind: fc.constant("batch" as const), keys }),
  fc.record({ kind: fc.constant("fold" as const) }),
  fc.record({
    kind: fc.constant("crashedFold" as const),
    after: fc.constantFrom("delete" as const, "lock" as const),
  }),
) as fc.Arbitrary<Step>;

const STORES = ["a", "b", "c"];
const CURRENCIES = ["EUR", "USD"];

/** The order with this number. The same number gives the same key and content. */
function orderOf(run: string, number: number) {
  return anOrder({
    storeId: STORES[number % 3]!,
    idempotencyKey: `${run}-${number}`,
    currency: CURRENCIES[number % 2]!,
    lines: [{ sku: `sku-${number % 4}`, quantity: 1 + number % 3, unitPriceMinor: 100 + number }],
  });
}

interface History {
  readonly sql: TestSql;
  readonly connect: () => Promise<Connected>;
  readonly fold: () => Promise<unknown>;
}

/** Both statements of a batch, in a transaction that commits later. */
async function insertLate(session: TestSql, orders: readonly NewOrder[]): Promise<void> {
  await session`savepoint quick`;
  if (await new QuickWay().insert(session, orders) !== null) return;
  await session`rollback to savepoint quick`;
  await insertNew(session, orders);
}

Deno.test("rollups and journal stay exact in any interleaving of batches, folds and crashes", () =>
  withDatabase(async ({ url, directUrl, sql }) => {
    const pools = openDatabase({ url, statementTimeoutMs: 5_000, writeConnections: 2 });
    try {
      await fc.assert(
        fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 25 }), async (steps) => {
          await replay(steps, {
            sql,
            connect: async () => {
              const session = new Session({
                url: directUrl,
                name: "test",
                connectTimeoutMs: 5_000,
              });
              await session.ready;
              return session.sql;
            },
            fold: () => foldJournal(pools.fold),
          });
          await expectExact(sql);
          const result = await foldJournal(pools.fold);
          assert(result.outcome === "folded");
          await expectExact(sql);
        }),
        { numRuns: 60, endOnFailure: true },
      );
    } finally {
      await pools.end();
    }
  }));

/** A connection for one writer. It is never used again, since a crash leaves it unsound. */
type Connected = Sql;

async function replay(steps: readonly Step[], history: History): Promise<void> {
  const { sql, fold } = history;
  const run = crypto.randomUUID();
  const open = new Map<number, Connected>();
  /**
   * Keys in open transactions. A second writer of such a key would wait for ever in this thread.
   */
  const held = new Map<number, Set<number>>();
  const free = (numbers: number[]) => {
    const taken = new Set([...held.values()].flatMap((set) => [...set]));
    return [...new Set(numbers)].filter((number) => !taken.has(number));
  };
  const close = async (writer: number, how: (session: Connected) => Promise<unknown>) => {
    const session = open.get(writer);
    if (session === undefined) return;
    open.delete(writer);
    held.delete(writer);
    await how(session);
    await session.end({ timeout: 0 });
  };
  for (const step of steps) {
    switch (step.kind) {
      case "begin": {
        if (open.has(step.writer)) break;
        const numbers = free(step.keys);
        const session = await history.connect();
        open.set(step.writer, session);
        held.set(step.writer, new Set(numbers));
        await session`begin`;
        await insertLate(session, numbers.map((n) => orderOf(run, n)));
        break;
      }
      case "commit":
        await close(step.writer, (session) => session`commit`);
        break;
      case "rollback":
        await close(step.writer, (session) => session`rollback`);
        break;
      case "crash":
        await close(step.writer, crash);
        break;
      case "batch":
        await commitBatch(sql, free(step.keys).map((n) => orderOf(run, n)));
        break;
      case "fold":
        await fold();
        break;
      case "crashedFold":
        await crashInFold(await history.connect(), step.after);
        break;
    }
  }
  for (const writer of [...open.keys()]) await close(writer, (session) => session`commit`);
}

/** The server ends the session, so its uncommitted work is gone. */
async function crash(session: Connected): Promise<void> {
  await session`select pg_terminate_backend(pg_backend_pid())`.catch(() => undefined);
}

async function crashInFold(session: Connected, after: "delete" | "lock"): Promise<void> {
  await session`begin`;
  await session`select pg_advisory_xact_lock(${FOLD_LOCK})`;
  if (after === "delete") await session`delete from journal`;
  await crash(session);
  await session.end({ timeout: 0 });
}
