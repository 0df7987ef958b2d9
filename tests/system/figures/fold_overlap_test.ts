/** Folds that are slow, asked for too often, or wanted by two instances never run at once. */
import { assert, assertEquals, assertGreater, assertLess } from "@std/assert";
import { FOLD_LOCK } from "../../../sql/figures/fold.ts";
import { createTestClient, KEY } from "../../support/services/instance.ts";
import { pause, withDashboards } from "../../support/load/dashboard_run.ts";
import { type FaultRun, report, statusOf, withFaults } from "../../support/faults/fault_run.ts";
import { expectApart, keepSpans, readSpans } from "../../support/recount/fold_spans.ts";
import { quantileOf } from "../../support/recount/history.ts";
import { anInput } from "../../support/load/orders.ts";
import { expectExact } from "../../support/recount/recount.ts";
import { until } from "../../support/services/services.ts";

/** Within a test's time, only a wake-up starts a fold. */
const NEVER_BY_ITSELF = { WEIR_AGGREGATOR_INTERVAL_MS: "60000" };
const GAP_MS = 50;

/** Places `orders` orders, one after the other. */
async function place(url: string, orders: number): Promise<void> {
  const client = createTestClient(url, KEY);
  try {
    for (let placed = 0; placed < orders; placed++) {
      await client.api.orders.place.mutate(anInput());
    }
  } finally {
    await client.close();
  }
}

const journalIsEmpty = (run: FaultRun) =>
  run.ask(async (sql) => (await sql`select from journal`).length === 0);

Deno.test("folds slower than the interval never overlap, on two instances under load", () =>
  withDashboards(async (stage) => {
    const { run, wires, load, services } = stage;
    await run.ask(keepSpans);
    for (const { postgres } of wires) postgres.delayMs = 60;
    await stage.takeSeats();
    load.start();
    await pause(10_000);
    const aggregators = await Promise.all(
      services.map(async ({ url }) => (await statusOf(url)).aggregator),
    );
    const figures = await stage.verify();
    const spans = await run.ask(readSpans);
    expectApart(spans);
    const lengths = spans.map(({ begunAt, endedAt }) => endedAt.getTime() - begunAt.getTime());
    const overlaps = aggregators.map(({ overlaps }) => overlaps);
    report("slow folds", { spanMs: quantileOf(lengths, 0.5), overlaps, ...figures });
    for (const { intervalMs, overlaps } of aggregators) {
      assertGreater(quantileOf(lengths, 0.5), intervalMs);
      assertGreater(overlaps, 0);
    }
    assertGreater(new Set(spans.map(({ pid }) => pid)).size, 1, "sessions that folded");
  }, {
    ordersPerSecond: 100,
    wired: true,
    environment: { WEIR_AGGREGATOR_INTERVAL_MS: "100" },
  }));

Deno.test("an aggregator that is woken many times during a fold folds once more", () =>
  withFaults(async (run) => {
    const { url } = await run.instance(NEVER_BY_ITSELF);
    await run.ask(keepSpans);
    const aggregator = async () => (await statusOf(url)).aggregator;
    await run.ask(async (session) => {
      await session`begin`;
      await session`lock table epochs in access exclusive mode`; // a fold reads it first
      await place(url, 1);
      await until("the fold to begin", async () => (await aggregator()).state === "running");
      await place(url, 30);
      const { state, overlaps } = await aggregator();
      assertEquals([state, overlaps], ["running_pending", 1]);
      await session`rollback`;
    });
    await until("both folds", async () => (await run.ask(readSpans)).length >= 2);
    await pause(10 * GAP_MS); // long enough for a third fold
    const spans = await run.ask(readSpans);
    expectApart(spans);
    const { state, overlaps } = await aggregator();
    assertEquals([spans.length, state, overlaps], [2, "idle", 1]);
    assert(await journalIsEmpty(run));
    await run.ask(expectExact);
  }));

Deno.test("a wake-up while another instance folds is served after the gap, not the interval", () =>
  withFaults(async (run) => {
    const services = [
      await run.instance(NEVER_BY_ITSELF),
      await run.instance(NEVER_BY_ITSELF),
    ];
    const afterMs: number[] = [];
    for (const { url } of [...services, ...services]) {
      const releasedAt = await run.ask(async (holder) => {
        await holder`begin`;
        await holder`select pg_advisory_xact_lock(${FOLD_LOCK})`;
        await place(url, 1);
        await until(
          "the instance to have met the lock",
          async () => (await statusOf(url)).aggregator.state === "standby",
        );
        await pause(4 * GAP_MS);
        assertEquals(await journalIsEmpty(run), false);
        await holder`rollback`;
        return performance.now();
      });
      await until("the fold", () => journalIsEmpty(run));
      afterMs.push(performance.now() - releasedAt);
    }
    report("folds after the lock was free", { afterMs: afterMs.map(Math.round) });
    for (const ms of afterMs) assertLess(ms, 20 * GAP_MS, "milliseconds");
    await run.ask(expectExact);
  }));
