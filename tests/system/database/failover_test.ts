/** An address with two hosts: the standby is asked first, and later it becomes the primary. */
import { assert, assertEquals, assertLess, assertNotEquals } from "@std/assert";
import { migrate } from "../../../sql/migrate.ts";
import {
  BACK_MS,
  type FaultRun,
  report,
  statusOf,
  withFaults,
} from "../../support/faults/fault_run.ts";
import { outcomeOf } from "../../support/recount/history.ts";
import { until } from "../../support/services/services.ts";
import { eitherOf, promote, withStandby } from "../../support/services/standby.ts";

/** The time without a primary, in which somebody would notice and decide. */
const WITHOUT_PRIMARY_MS = 3_000;
/** Measured: see the report. The circuit opens after 0.75 s without a primary. */
const SPILLED_MS = 6_000;

/** Resolves after one more fold. */
async function folded(run: FaultRun): Promise<void> {
  const version = () =>
    run.ask(async (sql) => {
      const [row] = await sql<{ version: string | null }[]>`
        select max(version) as version from scope_versions`;
      return Number(row?.version);
    });
  const before = await version();
  await until("a fold", async () => await version() > before);
}

Deno.test("orders find the primary behind a standby that is asked first, and the new primary after a failover", () =>
  withFaults(async (run) => {
    await migrate({ databaseUrl: run.postgres.url });
    await withStandby(run.postgres, async (standby) => {
      const primary = run.postgres;
      const { url } = await run.instance({ DATABASE_URL: eitherOf(standby, primary) });
      const load = run.load({ urls: () => [url], ratePerSecond: 250 });
      const { attempts } = load.history;
      load.start();
      await load.answered(500);
      await folded(run);
      assertEquals(Object.keys(load.figures.outcomes), ["committed"], "the primary was found");
      assertEquals((await statusOf(url)).writer.circuit, "closed");

      await primary.kill();
      const killedAt = performance.now();
      const firstAfter = (outcome: string) =>
        attempts.find(({ sentAt, answer }) => sentAt > killedAt && outcomeOf(answer) === outcome);
      const spilled = await until("an order to be spilled", () => firstAfter("spilled"));
      const spilledMs = Math.round(spilled.answeredAt - killedAt);
      await until(
        "the end of the time without a primary",
        () => performance.now() - killedAt > WITHOUT_PRIMARY_MS,
      );
      const { circuit, lastError } = (await statusOf(url)).writer;
      assertEquals(lastError, "25006");
      assertNotEquals(circuit, "closed");
      const promotedAt = performance.now();
      await promote(standby);
      run.postgres = standby;
      const { answeredAt } = await until(
        "a commit on the new primary",
        () => firstAfter("committed"),
        40_000,
      );
      const backMs = Math.round(answeredAt - promotedAt);
      await load.answered(500);
      await folded(run);
      await run.verify(load);
      report("a failover", { ...load.figures, spilledMs, backMs });
      const { outcomes } = load.figures;
      assert(!("rejected" in outcomes) && !("internal" in outcomes), JSON.stringify(outcomes));
      assertLess(spilledMs, SPILLED_MS, "milliseconds from the kill to a spilled order");
      assertLess(backMs, BACK_MS, "milliseconds from the promotion to a commit");
    });
  }));
