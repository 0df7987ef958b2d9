/**
 * A synchronous standby does not answer. An order that only the primary has committed is not
 * acknowledged, because a failover would lose it.
 */
import { assert, assertEquals } from "@std/assert";
import { migrate } from "../../../sql/migrate.ts";
import { expectExact } from "../../support/recount/recount.ts";
import { type FaultRun, report, withFaults } from "../../support/faults/fault_run.ts";
import { outcomeOf } from "../../support/recount/history.ts";
import { createTestClient, KEY } from "../../support/services/instance.ts";
import { callHttp } from "../../support/load/raw_calls.ts";
import type { ServerProcess } from "../../support/services/server_process.ts";
import { until } from "../../support/services/services.ts";
import { eitherOf, promote, SYNCHRONOUS, withStandby } from "../../support/services/standby.ts";

interface Way {
  readonly name: string;
  /** Makes the write visible on the primary, though the standby does not have it. */
  show(run: FaultRun): Promise<unknown>;
}

const WAYS: readonly Way[] = [
  {
    name: "when its wait is cancelled",
    show: (run) =>
      run.ask((sql) =>
        sql`select pg_cancel_backend(pid) from pg_stat_activity where wait_event = 'SyncRep'`
      ),
  },
  {
    name: "when the primary is killed and started again",
    show: async ({ postgres }) => {
      await postgres.kill();
      await postgres.start(SYNCHRONOUS);
    },
  },
];

interface Session {
  readonly pid: number;
  /** True while the session waits for the standby. */
  readonly waits: boolean;
}

/** The sessions of batches and cancellations. */
function sessions(run: FaultRun): Promise<Session[]> {
  return run.ask(async (sql) => [
    ...await sql<Session[]>`
      select pid, wait_event is not distinct from 'SyncRep' as waits from pg_stat_activity
      where application_name in ('weir write', 'weir cancel')`,
  ]);
}

/** Kills the primary, drops writes on their way to the standby, and lets `run` ask the standby. */
async function losePrimary(run: FaultRun, standby: ServerProcess): Promise<void> {
  await run.postgres.kill();
  await standby.kill();
  await standby.start();
  run.postgres = standby;
}

for (const { name, show } of WAYS) {
  Deno.test(`an order that the standby does not have is not called committed, ${name}`, () =>
    withFaults(async (run) => {
      await migrate({ databaseUrl: run.postgres.url });
      await withStandby(run.postgres, async (standby) => {
        const { url } = await run.instance({ DATABASE_URL: eitherOf(run.postgres, standby) });
        // Other instances get the chosen order alone. When it is sent again, its batch has nothing
        // new in it.
        const other = await run.instance();
        const load = run.load({ urls: () => [url], ratePerSecond: 250 });
        const { attempts } = load.history;
        const order = load.newOrder();
        assertEquals(outcomeOf(await load.attempt(load.newOrder(), other.url)), "committed");
        const pids = new Set((await sessions(run)).map(({ pid }) => pid));
        load.start();
        await load.answered(200);

        await standby.freeze();
        const frozenAt = performance.now();
        const placing = load.attempt(order, other.url);
        await until(
          "the batch to wait for the standby",
          async () => (await sessions(run)).some(({ pid, waits }) => waits && pids.has(pid)),
        );
        await show(run);
        await until("the order to be visible", async () => await run.rowsOf([order]) === 1);
        const next = await run.instance();
        const answers = [await placing, await load.attempt(order, next.url)].map(outcomeOf);
        const meanwhile = attempts.filter(({ sentAt, answer }) =>
          sentAt > frozenAt && outcomeOf(answer) === "committed"
        );
        // These two instances know only this primary.
        for (const instance of [other, next]) await instance.kill();
        await losePrimary(run, standby);
        // Ask before the promotion: after it, a spilled order is drained into the standby at once.
        assertEquals(await run.rowsOf([order]), 0, "the standby did not get it");
        await promote(standby);
        await load.answered(300);
        await run.verify(load);
        report(`an order not replicated, ${name}`, { ...load.figures, answers });
        assert(!answers.includes("committed"), answers.join());
        assertEquals(meanwhile, [], "committed while the standby was frozen");
      });
    }, { environment: { WEIR_STATEMENT_TIMEOUT_MS: "2000" } }));
}

Deno.test("a cancellation that the standby does not have is not called cancelled", () =>
  withFaults(async (run) => {
    await migrate({ databaseUrl: run.postgres.url });
    await withStandby(run.postgres, async (standby) => {
      const [first, other] = [await run.instance(), await run.instance()];
      const load = run.load({ urls: () => [first.url] });
      const order = load.newOrder();
      assertEquals(outcomeOf(await load.attempt(order, first.url)), "committed");
      const { storeId } = order;
      const [stored] = (await run.stored()).orders;
      const cancel = async (url: string) => {
        const input = { storeId, orderId: stored!.orderId };
        const { status, text } = await callHttp(url, "mutation", "orders.cancel", input, KEY);
        return { status, reason: /"reason":"(\w+)"/.exec(text)?.[1] };
      };

      await standby.freeze();
      const cancelling = cancel(first.url);
      await until(
        "the cancellation to wait",
        async () => (await sessions(run)).some(({ waits }) => waits),
      );
      await WAYS[0]!.show(run);
      const answers = [await cancelling, await cancel(other.url), await cancel(first.url)];
      report("a cancellation not replicated", { answers });
      for (const { reason } of answers) assertEquals(reason, "unavailable");

      await standby.thaw();
      const client = createTestClient(other.url, KEY);
      const again = await until(
        "the standby to have the cancellation",
        () =>
          client.api.orders.cancel.mutate({ storeId, orderId: stored!.orderId })
            .catch(() => null),
      );
      assertEquals(again.replayed, true, "the order was cancelled by the first call");
      await client.close();
      await run.ask(expectExact);
    });
  }, { environment: { WEIR_STATEMENT_TIMEOUT_MS: "2000" } }));
