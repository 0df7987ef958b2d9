/**
 * Rollups and journal together equal a recount, after any interleaving of batches, folds and crashes
 * between their statements. The sessions are real. In a crash the server ends a session in the middle
 * of its work.
 */
import fc from "fast-check";
import { assert } from "@std/assert";
import { commitBatch } from "../../../sql/orders/batch.ts";
import { openDatabase, type Sql } from "../../../sql/connection/database.ts";
import { connect } from "../../../sql/connection/driver.ts";
import { FOLD_LOCK, foldJournal } from "../../../sql/figures/fold.ts";
import { type TestSql, withDatabase } from "../../support/services/database.ts";
import { anOrder } from "../../support/load/orders.ts";
import { expectExact } from "../../support/recount/recount.ts";

/** A step of the history. Writers hold their transaction open until they commit or crash. */
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

/** The order with this number. The same number has the same key and content. */
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
  readonly connect: () => Session;
  readonly fold: () => Promise<unknown>;
}

Deno.test("rollups and journal together stay exact in any interleaving of batches, folds and crashes", () =>
  withDatabase(async ({ url, sql }) => {
    const pools = openDatabase({ url, statementTimeoutMs: 5_000, writeConnections: 2 });
    try {
      await fc.assert(
        fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 25 }), async (steps) => {
          await replay(steps, {
            sql,
            connect: () => connect(url, { max: 1 }),
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

/** Each actor has a connection of its own, because a connection is of no use after a crash. */
type Session = Sql;

async function replay(steps: readonly Step[], history: History): Promise<void> {
  const { sql, fold } = history;
  const run = crypto.randomUUID();
  const open = new Map<number, Session>();
  /** Keys in an open transaction. A second writer of one would wait for ever, in this one thread. */
  const held = new Map<number, Set<number>>();
  const free = (numbers: number[]) => {
    const taken = new Set([...held.values()].flatMap((set) => [...set]));
    return [...new Set(numbers)].filter((number) => !taken.has(number));
  };
  const close = async (writer: number, how: (session: Session) => Promise<unknown>) => {
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
        const session = history.connect();
        open.set(step.writer, session);
        held.set(step.writer, new Set(numbers));
        await session`begin`;
        await commitBatch(session, numbers.map((n) => orderOf(run, n)));
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
        await crashInFold(history.connect(), step.after);
        break;
    }
  }
  for (const writer of [...open.keys()]) await close(writer, (session) => session`commit`);
}

/** The server ends the session, and all that was not committed is gone. */
async function crash(session: Session): Promise<void> {
  await session`select pg_terminate_backend(pg_backend_pid())`.catch(() => undefined);
}

async function crashInFold(session: Session, after: "delete" | "lock"): Promise<void> {
  await session`begin`;
  await session`select pg_advisory_xact_lock(${FOLD_LOCK})`;
  if (after === "delete") await session`delete from journal`;
  await crash(session);
  await session.end({ timeout: 0 });
}
