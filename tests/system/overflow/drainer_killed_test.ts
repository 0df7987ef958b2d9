/** A drainer is killed under load, between COMMIT and its acknowledgement to the overflow. */
import { assertEquals, assertGreater, assertLess } from "@std/assert";
import { orderIdOf } from "../../../sql/orders/order_identity.ts";
import type { PlaceInput } from "../../../client/contract/order.ts";
import { report, statusOf, withFaults } from "../../support/faults/fault_run.ts";
import { outcomeOf } from "../../support/recount/history.ts";
import { until } from "../../support/services/services.ts";
import { WireProxy } from "../../support/faults/wire_proxy.ts";

const ORDERS = 100;
const TIMEOUT_MS = 2_000;

const idOf = (order: PlaceInput) => orderIdOf(order.storeId, order.idempotencyKey);

Deno.test("a drainer killed before it acknowledged its batch is replaced by another instance", () =>
  withFaults(async (run) => {
    const proxy = WireProxy.to(run.redis.url);
    try {
      const drainer = await run.instance({ REDIS_URL: proxy.through(run.redis.url) });
      let { url } = drainer;
      const load = run.load({ urls: () => [url] });
      const known = load.newOrder();
      assertEquals(outcomeOf(await load.attempt(known)), "committed");
      load.start();
      await load.answered(100);
      await run.postgres.kill();
      await until(
        "the circuit to open",
        async () => (await statusOf(url)).writer.circuit === "open",
      );
      // The conflicting order becomes a dead letter. That must happen once, too.
      const conflicting: PlaceInput = { ...known, customerRef: "another" };
      const orders = [conflicting, ...Array.from({ length: ORDERS }, () => load.newOrder())];
      const spilled = await Promise.all(orders.map((order) => load.attempt(order)));
      assertEquals(new Set(spilled.map(outcomeOf)), new Set(["spilled"]));

      // Earlier batches may be acknowledged. The batch with the conflicting order may not.
      const unheard: PlaceInput[] = [];
      proxy.onRequest = (text) => {
        if (!text.includes("XACK") || !text.includes(idOf(conflicting))) return;
        unheard.push(...orders.filter((order) => text.includes(idOf(order))));
        proxy.requests = "dropped";
      };
      await run.postgres.start();
      await until("the drainer to acknowledge its batch", () => unheard.length > 0);
      const letters = await run.ask((sql) => sql`select from dead_letters where state = 'open'`);
      assertEquals(letters.length, 1);
      assertEquals(await run.rowsOf(unheard), unheard.length, "the batch is committed");
      const left = await run.spilledIds();
      assertEquals(
        unheard.filter((order) => !left.has(idOf(order))),
        [],
        "the batch is still in the overflow",
      );
      await drainer.kill();

      const killedAt = performance.now();
      const next = await run.instance();
      url = next.url;
      await run.drained();
      const takenOverMs = Math.round(performance.now() - killedAt);
      await run.verify(load, 1);
      report("kill -9 of a drainer", { ...load.figures, unheard: unheard.length, takenOverMs });
      assertEquals((await run.ask((sql) => sql`select from dead_letters`)).length, 1);
      await until(
        "the new instance to report an empty overflow",
        async () => (await statusOf(next.url)).spill.orders === 0,
      );
      assertGreater(
        load.figures.outcomes["spilled"] ?? 0,
        2 * ORDERS,
        "orders of the load were spilled, too",
      );
      assertLess(takenOverMs, 5 * TIMEOUT_MS, "milliseconds");
    } finally {
      await proxy.close();
    }
  }, { environment: { WEIR_STATEMENT_TIMEOUT_MS: String(TIMEOUT_MS) } }));
