/** A drainer killed between COMMIT and its acknowledgement to the buffer. */
import { assertEquals, assertGreater } from "@std/assert";
import type { PlaceInput } from "../../sql/order.ts";
import { report, statusOf, withFaults } from "../support/fault_run.ts";
import { outcomeOf } from "../support/history.ts";
import { until } from "../support/services.ts";
import { WireProxy } from "../support/wire_proxy.ts";

const ORDERS = 100;

Deno.test("another instance takes over from a drainer killed before it acknowledged its batch", () =>
  withFaults(async (run) => {
    const proxy = WireProxy.to(run.redis.url);
    try {
      const drainer = await run.instance({ REDIS_URL: proxy.through(run.redis.url) });
      const load = run.load({ urls: () => [drainer.url] });
      const known = load.newOrder();
      assertEquals(outcomeOf(await load.attempt(known)), "committed");
      await run.postgres.kill();
      await until("the circuit to open", async () => {
        await load.attempt(load.newOrder());
        return (await statusOf(drainer.url)).writer.circuit === "open";
      });
      // One of them becomes a dead letter: that, too, must happen once.
      const conflicting: PlaceInput = { ...known, customerRef: "another" };
      const orders = [conflicting, ...Array.from({ length: ORDERS }, () => load.newOrder())];
      const spilled = await Promise.all(orders.map((order) => load.attempt(order)));
      assertEquals(new Set(spilled.map(outcomeOf)), new Set(["spilled"]));

      proxy.onRequest = (text) => {
        if (text.includes("XACK")) proxy.requests = "dropped";
      };
      await run.postgres.start();
      await until("the drainer's COMMIT", () =>
        run.ask(async (sql) => {
          const letters = await sql`select from dead_letters where state = 'open'`;
          return letters.length === 1 && (await sql`select from orders`).length > ORDERS;
        }));
      const left = await run.spilled();
      assertGreater(left, ORDERS, "nothing was acknowledged to the buffer");
      await drainer.kill();

      const killedAt = performance.now();
      const next = await run.instance();
      await run.drained();
      report("kill -9 of a drainer", {
        seed: load.history.seed,
        left,
        takenOverMs: Math.round(performance.now() - killedAt),
      });
      await run.verify(load, 1);
      assertEquals((await run.ask((sql) => sql`select from dead_letters`)).length, 1);
      await until(
        "the new drainer to say so",
        async () => (await statusOf(next.url)).spill.orders === 0,
      );
    } finally {
      await proxy.close();
    }
  }, { environment: { WEIR_STATEMENT_TIMEOUT_MS: "2000" } }));
