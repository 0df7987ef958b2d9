/**
 * Every class of error that PostgreSQL itself can answer with, caused for real and under load. Weir
 * reports each one by its code, parks no order for it, and recovers by itself when its cause ends.
 */
import { assert, assertEquals, assertLess } from "@std/assert";
import { commitBatch } from "../../../sql/orders/batch.ts";
import { toNewOrder } from "../../../sql/orders/new_order.ts";
import type { TestSql } from "../../support/services/database.ts";
import type { FaultLoad } from "../../support/faults/fault_load.ts";
import {
  BACK_MS,
  type FaultRun,
  report,
  statusOf,
  withFaults,
} from "../../support/faults/fault_run.ts";
import { outcomeOf } from "../../support/recount/history.ts";
import { until } from "../../support/services/services.ts";
import { placeInput } from "../../../client/contract/order.ts";

/** Most limits do not bind superusers, so the instance connects as an ordinary role. */
const ROLE = "app";

interface Fault {
  readonly code: string;
  /** Codes of the driver, which may see the closed socket before it reads the error. */
  readonly orElse?: readonly string[];
  readonly name: string;
  begin(sql: TestSql, run: FaultRun): Promise<unknown>;
  end(sql: TestSql): Promise<unknown>;
  /** Whether the circuit counts the error. */
  readonly opens: boolean;
}

const endSessions = (sql: TestSql) =>
  sql`select pg_terminate_backend(pid) from pg_stat_activity where usename = ${ROLE}`;

const FAULTS: readonly Fault[] = [
  {
    code: "53300",
    name: "too many connections",
    begin: async (sql) => {
      await sql`alter role app connection limit 0`;
      await endSessions(sql);
    },
    end: (sql) => sql`alter role app connection limit -1`,
    opens: true,
  },
  {
    code: "57P01",
    orElse: ["CONNECTION_CLOSED", "ECONNRESET", "EPIPE"],
    name: "admin shutdown",
    begin: async (sql, run) => {
      for (let time = 0; time < 3; time++) {
        // The lock holds a batch up, so that one is surely in flight when its session is ended.
        await sql`begin`;
        await sql`lock table orders in access exclusive mode`;
        await until("a batch to wait", async () => await run.batchesWaiting() > 0);
        await run.ask(endSessions);
        await sql`rollback`;
      }
    },
    end: () => Promise.resolve(),
    opens: false,
  },
  {
    code: "25006",
    name: "read-only",
    begin: async (sql) => {
      // A role's default does not make a session of Weir read-only, so a trigger raises the error.
      await sql.unsafe(`
        create function be_read_only() returns trigger language plpgsql as $$
          begin raise exception 'read-only' using errcode = 'read_only_sql_transaction'; end $$;
        create trigger be_read_only before insert on orders
          for each statement execute function be_read_only()`).simple();
    },
    end: (sql) => sql`drop function be_read_only cascade`,
    opens: true,
  },
  {
    code: "42703",
    name: "undefined column",
    begin: (sql) => sql`alter table orders rename column customer_ref to renamed`,
    end: (sql) => sql`alter table orders rename column renamed to customer_ref`,
    opens: true,
  },
  {
    code: "42501",
    name: "no right",
    begin: (sql) => sql`revoke insert on orders from app`,
    end: (sql) => sql`grant insert on orders to app`,
    opens: true,
  },
];

/** Lets an instance connect as an ordinary role that owns its database and nothing else. */
async function asOrdinaryRole(run: FaultRun): Promise<string> {
  await run.ask(async (sql) => {
    await sql`create role app login password 'app'`;
    await sql`alter database weir owner to app`;
  });
  const url = new URL(run.postgres.url);
  url.username = ROLE;
  url.password = "app";
  return url.href;
}

async function committedSince(load: FaultLoad, from: number): Promise<void> {
  await until(
    "orders to be committed again",
    () =>
      load.history.attempts.some(({ sentAt, answer }) =>
        sentAt > from && outcomeOf(answer) === "committed"
      ),
    40_000,
  );
}

for (const { code, orElse = [], name, begin, end, opens } of FAULTS) {
  Deno.test(`the error ${code} (${name}) loses and parks no order, and is over when its cause ends`, () =>
    withFaults(async (run) => {
      const { url } = await run.instance({ DATABASE_URL: await asOrdinaryRole(run) });
      const load = run.load({ urls: () => [url], ratePerSecond: 200, deadlineMs: 1_000 });
      load.start();
      await committedSince(load, performance.now());
      await run.ask((sql) => begin(sql, run));
      await until(`the writer to meet ${code}`, async () => {
        const { lastError } = (await statusOf(url)).writer;
        return lastError !== null && [code, ...orElse].includes(lastError);
      });
      if (opens) {
        await until(
          "the circuit to open",
          async () => (await statusOf(url)).writer.circuit !== "closed",
        );
      }
      const from = load.history.attempts.length;
      await until("300 answers", () => load.history.attempts.length > from + 300);
      await run.ask(end);
      const endedAt = performance.now();
      await committedSince(load, endedAt);
      const backMs = Math.round(performance.now() - endedAt);
      await run.verify(load);
      report(`${name} (${code})`, { ...load.figures, backMs });
      const { outcomes } = load.figures;
      assert(!("rejected" in outcomes) && !("internal" in outcomes), JSON.stringify(outcomes));
      assertLess(backMs, BACK_MS, "milliseconds");
    }));
}

/** Starts a load whose orders all commit, at the latest when their batch goes again. */
async function underLoad(run: FaultRun, url: string): Promise<FaultLoad> {
  const load = run.load({ urls: () => [url], ratePerSecond: 200 });
  load.start();
  await load.answered(100);
  return load;
}

/** Expects that the writer met `code`, kept its circuit closed, and committed everything. */
async function expectOnlyRepeated(
  run: FaultRun,
  load: FaultLoad,
  url: string,
  code: string,
): Promise<void> {
  const { writer } = await statusOf(url);
  assertEquals([writer.circuit, writer.lastError], ["closed", code]);
  await load.answered(100);
  await run.verify(load);
  report(code, load.figures);
  assertEquals(Object.keys(load.figures.outcomes), ["committed"]);
}

Deno.test("a deadlock (40P01) only makes a batch go again", () =>
  withFaults(async (run) => {
    const { url } = await run.instance();
    const load = await underLoad(run, url);
    const orders = [load.newOrder(), load.newOrder()];
    const rows = orders.map((order) => toNewOrder(placeInput.parse(order)))
      .sort((a, b) => (a.orderId < b.orderId ? -1 : 1));
    const [first, second] = [rows[0]!, rows[1]!];
    const placing = await run.ask(async (session) => {
      // The batch must find the deadlock, not this session.
      await session`set deadlock_timeout = '30s'`;
      await session`begin`;
      await commitBatch(session, [second]);
      const answers = load.attemptMany(orders);
      await until("the batch to wait", async () => await run.batchesWaiting() > 0);
      await commitBatch(session, [first]);
      await session`rollback`;
      return { answers };
    });
    const answers = await placing.answers;
    assertEquals(answers.map(outcomeOf), ["committed", "committed"]);
    await expectOnlyRepeated(run, load, url, "40P01");
  }));

Deno.test("a serialization failure (40001) only makes a batch go again", () =>
  withFaults(async (run) => {
    const { url } = await run.instance();
    const load = await underLoad(run, url);
    // Weir's sessions are READ COMMITTED whatever the role's default is, so a trigger fails once.
    await run.ask((sql) =>
      sql.unsafe(`
        create sequence tries;
        create function fail_once() returns trigger language plpgsql as $$
          begin
            if nextval('tries') = 1 then
              raise exception 'once' using errcode = 'serialization_failure';
            end if;
            return null;
          end $$;
        create trigger fail_once before insert on orders
          for each statement execute function fail_once()`).simple()
    );
    await until(
      "the trigger to have failed once",
      async () => (await statusOf(url)).writer.lastError === "40001",
    );
    await expectOnlyRepeated(run, load, url, "40001");
  }));
