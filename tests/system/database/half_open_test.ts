/** A half-open circuit under load lets its probes through, and no other batch. */
import { assertEquals } from "@std/assert";
import type { TestSql } from "../../support/services/database.ts";
import type { FaultLoad } from "../../support/faults/fault_load.ts";
import { type FaultRun, report, statusOf, withFaults } from "../../support/faults/fault_run.ts";
import { outcomeOf } from "../../support/recount/history.ts";
import { until } from "../../support/services/services.ts";
import { WireProxy } from "../../support/faults/wire_proxy.ts";

const CALLERS = 1_000;
const PROBES = 2;
/** The most calls in one request. All of them wait when one of them was let in. */
const MAX_BATCH = 50;
/** Long, so that a probe that is held up does not fail. */
const TIMEOUT_MS = 20_000;

/**
 * Counts the batches that reach the database, empty ones too. A sequence counts them, because a
 * rollback does not set it back. Each batch then waits for a lock with its own number.
 */
async function countBatches(sql: TestSql): Promise<void> {
  await sql`create sequence batches`;
  await sql`create function count_batch() returns trigger language plpgsql as
            'begin perform pg_advisory_xact_lock(nextval(''batches'')); return null; end'`;
  await sql`create trigger counted before insert on orders
            for each statement execute function count_batch()`;
}

async function batchesOf(run: FaultRun): Promise<number> {
  const [row] = await run.ask((sql) =>
    sql<{ count: string }[]>`select last_value as count from batches`
  );
  return Number(row?.count);
}

/** Calls {@linkcode CALLERS} times at once. @returns the outcomes of the answers as they come. */
function callAtOnce(load: FaultLoad): { readonly outcomes: string[]; readonly all: Promise<void> } {
  const outcomes: string[] = [];
  const calls = Array.from({ length: CALLERS }, async () => {
    outcomes.push(outcomeOf(await load.attempt(load.newOrder())));
  });
  return { outcomes, all: Promise.all(calls).then(() => undefined) };
}

Deno.test("a half-open circuit under 1,000 callers lets exactly its probes reach the database", () =>
  withFaults(async (run) => {
    const proxy = WireProxy.to(run.postgres.url);
    try {
      const { url } = await run.instance({ DATABASE_URL: proxy.through(run.postgres.url) });
      await run.ask(countBatches);
      const load = run.load({ urls: () => [url], once: 0.9, deadlineMs: TIMEOUT_MS });
      const { attempts } = load.history;
      const circuit = async () => (await statusOf(url)).writer.circuit;
      load.start();
      await load.answered(100);
      proxy.cut();
      await until("the circuit to open", async () => await circuit() === "open");
      await load.answered(100);
      const before = await batchesOf(run);

      const moments = await run.ask(async (session) => {
        for (let probe = 1; probe <= PROBES; probe++) {
          await session`select pg_advisory_lock(${before + probe})`;
        }
        const mendedAt = performance.now();
        await proxy.mend();
        await until("the first probe", async () => await batchesOf(run) === before + 1);
        const first = callAtOnce(load);
        await until("the answers", () => first.outcomes.length >= CALLERS - MAX_BATCH);
        const secondAt = performance.now();
        assertEquals([await circuit(), await batchesOf(run)], ["half_open", before + 1]);

        await session`select pg_advisory_unlock(${before + 1})`;
        await until("the second probe", async () => await batchesOf(run) === before + 2);
        const second = callAtOnce(load);
        await second.all;
        assertEquals(new Set(second.outcomes), new Set(["circuit_open"]));
        assertEquals([await circuit(), await batchesOf(run)], ["half_open", before + PROBES]);
        await session`select pg_advisory_unlock(${before + PROBES})`;
        return { mendedAt, secondAt, endAt: performance.now(), first };
      });
      await moments.first.all;
      await until("the circuit to close", async () => await circuit() === "closed");
      await load.answered(100);
      await run.verify(load);

      const { mendedAt, secondAt, endAt } = moments;
      const meanwhile = attempts.filter(({ sentAt, answeredAt }) =>
        answeredAt > mendedAt && sentAt < secondAt
      );
      const letIn = meanwhile.filter(({ answer }) => outcomeOf(answer) !== "circuit_open");
      report("1,000 callers against a half-open circuit", {
        ...load.figures,
        meanwhile: meanwhile.length,
        letIn: letIn.map(({ answer }) => outcomeOf(answer)),
        closedMs: Math.round(endAt - mendedAt),
      });
      assertEquals(letIn.map(({ answer }) => outcomeOf(answer)), ["committed"], "the second probe");
      assertEquals(letIn.filter(({ answeredAt }) => answeredAt < endAt), []);
    } finally {
      await proxy.close();
    }
  }, {
    environment: { WEIR_SPILL: "off", WEIR_STATEMENT_TIMEOUT_MS: String(TIMEOUT_MS) },
  }));
