/** A drainer that has taken spilled orders and does not reach the database, while others do. */
import { assertEquals, assertGreater, assertLess } from "@std/assert";
import { report, statusOf, withFaults } from "../../support/faults/fault_run.ts";
import { until } from "../../support/services/services.ts";
import { WireProxy } from "../../support/faults/wire_proxy.ts";

const TIMEOUT_MS = 2_000;

Deno.test("what a drainer took and cannot commit goes to an instance that reaches the database", () =>
  withFaults(async (run) => {
    const proxy = WireProxy.to(run.postgres.url);
    try {
      const { url } = await run.instance();
      // It gets no orders, so its circuit stays closed and it goes on trying.
      const cutOff = await run.instance({ DATABASE_URL: proxy.through(run.postgres.url) });
      const load = run.load({ urls: () => [url], ratePerSecond: 250 });
      load.start();
      await load.answered(200);
      proxy.cut();
      await run.postgres.kill();
      await until("spilled orders", async () => await run.spilled() > 600);
      const taken = await until("some to be taken", () => run.takenFromBuffer());
      assertEquals((await statusOf(cutOff.url)).writer.circuit, "closed");
      await run.postgres.start();
      const backAt = performance.now();
      await run.drained();
      const emptyMs = Math.round(performance.now() - backAt);
      await run.verify(load);
      report("a drainer cut off", { ...load.figures, taken, emptyMs });
      assertGreater(taken, 0);
      assertLess(emptyMs, 10 * TIMEOUT_MS, "milliseconds until the overflow was empty");
    } finally {
      await proxy.close();
    }
  }, { environment: { WEIR_STATEMENT_TIMEOUT_MS: String(TIMEOUT_MS) } }));
