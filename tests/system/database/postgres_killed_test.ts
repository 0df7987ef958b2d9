/** PostgreSQL is killed under load and started again, with fsync on as in production. */
import { assert, assertGreater, assertLess } from "@std/assert";
import { BACK_MS, report, statusOf, withFaults } from "../../support/faults/fault_run.ts";
import { until } from "../../support/services/services.ts";

const NAME = "kill -9 of PostgreSQL for 5 s";

Deno.test("a PostgreSQL that is killed and back after 5 s loses no order and doubles none", () =>
  withFaults(async (run) => {
    const { url } = await run.instance();
    const load = run.load({ urls: () => [url], ratePerSecond: 250 });
    const { attempts } = load.history;
    load.start();
    await until("300 orders", () => attempts.length > 300);

    const killedAt = performance.now();
    await run.postgres.kill();
    await until(
      "the circuit to open",
      async () => (await statusOf(url)).writer.circuit !== "closed",
    );
    const openMs = performance.now() - killedAt;
    await new Promise((resolve) => setTimeout(resolve, 5_000 - openMs)); // the rest of the fault
    const inOverflow = await run.spilled();
    await run.postgres.start();
    const backAt = performance.now();
    const { answeredAt } = await until(
      "a commit",
      () =>
        attempts.findLast(({ sentAt, answer }) =>
          sentAt > killedAt + openMs && answer.kind === "acknowledged" &&
          answer.status === "committed"
        ),
    );
    await run.drained();
    const emptyMs = performance.now() - backAt;
    await new Promise((resolve) => setTimeout(resolve, 500)); // some load after the fault
    await run.verify(load);

    report(NAME, {
      ...load.figures,
      openMs: Math.round(openMs),
      firstCommitMs: Math.round(answeredAt - backAt),
      emptyMs: Math.round(emptyMs),
      inOverflow,
    });
    assertGreater(inOverflow, 100, "orders were spilled meanwhile");
    assertLess(openMs, 5_000, "milliseconds to open");
    assertLess(answeredAt - backAt, BACK_MS, "milliseconds to the first commit");
    assertLess(emptyMs, 10_000 * 3, "milliseconds until the overflow was empty");
    assert((load.history.outcomes()["circuit_open"] ?? 0) === 0, "the overflow took every order");
  }));
