/** The answer to the COMMIT of a batch is lost on its way again and again, under load. */
import { assert, assertEquals, assertGreater } from "@std/assert";
import { report, withFaults } from "../../support/faults/fault_run.ts";
import { until } from "../../support/services/services.ts";
import { WireProxy } from "../../support/faults/wire_proxy.ts";

const ROUNDS = 6;
/** The server's answer to a statement that stored nothing has this in it. */
const REFUSED = "SERROR";

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
        const keys: string[] = [];
        proxy.onRequest = (text) => void keys.push(...keysIn(text));
        proxy.onReply = (text) => {
          if (keys.length === 0) return;
          if (!text.includes(REFUSED)) return "dropped";
          keys.length = 0; // a batch with a replay goes once more: the next one is to be hit
        };
        await until(
          "the batch to be committed without an answer",
          () =>
            keys.length > 0 && run.ask(async (sql) => {
              const rows = await sql`select from orders where idempotency_key = ${keys[0]!}`;
              return rows.length > 0;
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
