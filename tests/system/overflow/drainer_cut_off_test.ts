/** A drainer has taken orders and cannot reach the database. Another instance can. */
import { assertEquals, assertGreater, assertLess } from "@std/assert";
import { report, statusOf, withFaults } from "../../support/faults/fault_run.ts";
import { until } from "../../support/services/services.ts";
import { WireProxy } from "../../support/faults/wire_proxy.ts";

const TIMEOUT_MS = 2_000;

Deno.test("orders taken by a drainer that is cut off are drained by an instance that reaches the database", () =>
  withFaults(async (run) => {
    const proxy = WireProxy.to(run.postgres.url);
    try {
      const { url } = await run.instance();
      // This instance gets no orders, so its circuit stays closed and its drainer goes on trying.
      const cutOff = await run.instance({ DATABASE_URL: proxy.through(run.postgres.url) });
      const load = run.load({ urls: () => [url], ratePerSecond: 250 });
      load.start();
      await load.answered(200);
      proxy.cut();
      await run.postgres.kill();
      await until("spilled orders", async () => await run.spilled() > 600);
      const taken = await until("some orders to be taken", () => run.takenFromOverflow());
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
