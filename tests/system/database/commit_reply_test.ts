/** The answer to the COMMIT of a batch is lost on its way again and again, under load. */
import { assert, assertEquals, assertGreater } from "@std/assert";
import { report, withFaults } from "../../support/faults/fault_run.ts";
import { until } from "../../support/services/services.ts";
import { CARRIED_OUT, WireProxy } from "../../support/faults/wire_proxy.ts";

const ROUNDS = 6;

Deno.test("orders whose COMMIT was not answered are stored once, and never refused", () =>
  withFaults(async (run) => {
    const proxy = WireProxy.to(run.postgres.url);
    try {
      const { url } = await run.instance({ DATABASE_URL: proxy.through(run.postgres.url) });
      const load = run.load({ urls: () => [url], ratePerSecond: 250 });
      const { attempts, seed } = load.history;
      const keysIn = (text: string) => text.match(new RegExp(`\\b${seed}-\\d+\\b`, "g")) ?? [];
      load.start();
      const hit = new Set<string>();
      for (let round = 1; round <= ROUNDS; round++) {
        const { length } = attempts;
        await until("some orders", () => attempts.length > length + 150);
        const keys = new Set<string>();
        let isLost = false;
        proxy.onRequest = (text) => keysIn(text).forEach((key) => keys.add(key));
        proxy.onReply = (text) => {
          if (keys.size === 0 || !text.includes(CARRIED_OUT)) return;
          isLost = true;
          return "dropped";
        };
        await until(
          "the batch to be committed without an answer",
          () =>
            isLost && run.ask(async (sql) => {
              const rows = await sql`select from orders where idempotency_key = any(${[...keys]})`;
              return rows.length === keys.size;
            }),
        );
        proxy.onRequest = () => undefined;
        proxy.onReply = () => undefined;
        proxy.dropConnections();
        for (const key of keys) hit.add(key);
      }
      await run.verify(load);

      const told = attempts.filter(({ key }) => hit.has(key)).map(({ answer }) => answer);
      const reasons = new Set(told.map((answer) => answer.kind === "refused" ? answer.reason : ""));
      report("the reply to COMMIT cut", {
        ...load.figures,
        rounds: ROUNDS,
        hit: hit.size,
      });
      assertGreater(hit.size, ROUNDS - 1);
      reasons.delete("outcome_unknown");
      assertEquals([...reasons], [""], "committed, spilled or outcome_unknown");
      assert(told.every(({ kind }) => kind !== "none"), "every caller was answered");
    } finally {
      await proxy.close();
    }
  }));
