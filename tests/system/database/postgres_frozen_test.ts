/** PostgreSQL is stopped with SIGSTOP: its sockets stay open, nobody answers, nothing fails. */
import { assertEquals, assertGreater, assertLess } from "@std/assert";
import { BACK_MS, report, statusOf, withFaults } from "../../support/faults/fault_run.ts";
import { answerMsOf, atOnceMs } from "../../support/recount/history.ts";
import { until } from "../../support/services/services.ts";

const TIMEOUT_MS = 1_000;
const FROZEN_MS = 15_000;

Deno.test("a PostgreSQL frozen for 15 s is noticed by its silence, and no order is refused", () =>
  withFaults(async (run) => {
    const { url } = await run.instance();
    const load = run.load({ urls: () => [url], ratePerSecond: 250 });
    const { attempts } = load.history;
    load.start();
    await load.answered(300);
    const warmAt = performance.now();
    await load.answered(300);

    const frozenAt = performance.now();
    await run.postgres.freeze();
    await until(
      "the circuit to open",
      async () => (await statusOf(url)).writer.circuit !== "closed",
      30_000,
    );
    const openAt = performance.now();
    // Wait for the rest of the fault. The circuit stays open until its end.
    await new Promise((resolve) => setTimeout(resolve, FROZEN_MS - (openAt - frozenAt)));
    const thawedAt = performance.now();
    await run.postgres.thaw();
    await until(
      "the circuit to close",
      async () => (await statusOf(url)).writer.circuit === "closed",
    );
    const closedMs = performance.now() - thawedAt;
    await run.verify(load);

    const meanwhile = attempts.filter(({ sentAt, answeredAt }) =>
      sentAt > openAt && answeredAt < thawedAt
    );
    const usual = answerMsOf(
      attempts.filter(({ sentAt, answeredAt }) => sentAt > warmAt && answeredAt < frozenAt),
    );
    const answerMs = answerMsOf(meanwhile);
    report("SIGSTOP of PostgreSQL for 15 s", {
      ...load.figures,
      openMs: Math.round(openAt - frozenAt),
      usualMs: usual,
      answerMs,
      closedMs: Math.round(closedMs),
    });
    assertGreater(meanwhile.length, 1_000, "answers while it was frozen");
    assertEquals(meanwhile.filter(({ answer }) => answer.kind !== "acknowledged"), []);
    assertLess(openAt - frozenAt, 3 * 2 * TIMEOUT_MS, "milliseconds to open");
    assertLess(closedMs, BACK_MS, "milliseconds to close");
    assertLess(answerMs.p99, atOnceMs(usual), "milliseconds to spill an order");
  }, { environment: { WEIR_STATEMENT_TIMEOUT_MS: String(TIMEOUT_MS) } }));
