/** PostgreSQL is stopped with SIGSTOP: its sockets stay open, nobody answers, nothing fails. */
import { assertEquals, assertGreater, assertLess } from "@std/assert";
import {
  BACK_MS,
  type FaultRun,
  report,
  statusOf,
  withFaults,
} from "../../support/faults/fault_run.ts";
import { answerMsOf, atOnceMs, outcomeOf } from "../../support/recount/history.ts";
import { until } from "../../support/services/services.ts";
import { WireProxy } from "../../support/faults/wire_proxy.ts";

const TIMEOUT_MS = 1_000;
const FROZEN_MS = 15_000;
/** Measured: see the report. Less than the default statement timeout, which is 5 s. */
const NOTICED_MS = 4_500;

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

/**
 * Makes one of two hosts silent under load, and expects that orders spill long before a call times out.
 * Nobody listens at the other host.
 */
async function expectNoticed(
  run: FaultRun,
  databaseUrl: string,
  silence: { readonly begin: () => Promise<void>; readonly end: () => Promise<void> },
): Promise<void> {
  const { url } = await run.instance({ DATABASE_URL: databaseUrl.replace("@", "@127.0.0.1:1,") });
  const load = run.load({ urls: () => [url], ratePerSecond: 250 });
  const { attempts } = load.history;
  load.start();
  await load.answered(500);
  const silentAt = performance.now();
  await silence.begin();
  const spilled = await until(
    "an order to be spilled",
    () => attempts.find(({ answer }) => outcomeOf(answer) === "spilled"),
  );
  await load.answered(500);
  await silence.end();
  await until(
    "the circuit to close",
    async () => (await statusOf(url)).writer.circuit === "closed",
  );
  await run.verify(load);
  const spilledMs = Math.round(spilled.answeredAt - silentAt);
  report("silence at the default settings", { ...load.figures, spilledMs });
  assertLess(spilledMs, NOTICED_MS, "milliseconds until an order is spilled");
}

Deno.test("a frozen host among several is told from a slow one long before a statement times out", () =>
  withFaults((run) =>
    expectNoticed(run, run.postgres.url, {
      begin: () => run.postgres.freeze(),
      end: () => run.postgres.thaw(),
    })
  ));

Deno.test("a network that drops all packets to a host among several is noticed long before a statement times out", () =>
  withFaults(async (run) => {
    const proxy = WireProxy.to(run.postgres.url);
    const way = (to: "dropped" | "open") => {
      [proxy.requests, proxy.replies] = [to, to];
      return Promise.resolve();
    };
    try {
      await expectNoticed(run, proxy.through(run.postgres.url), {
        begin: () => way("dropped"),
        end: () => way("open"),
      });
    } finally {
      await proxy.close();
    }
  }));
