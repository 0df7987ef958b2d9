/** Redis is stopped, cut off, killed and emptied while PostgreSQL is up. No order may notice. */
import { assertEquals, assertLess } from "@std/assert";
import { type FaultRun, report, statusOf, withFaults } from "../../support/faults/fault_run.ts";
import {
  answerMsOf,
  type AnswerTimes,
  atOnceMs,
  outcomeOf,
} from "../../support/recount/history.ts";
import { until } from "../../support/services/services.ts";
import { WireProxy } from "../../support/faults/wire_proxy.ts";

interface Fault {
  readonly name: string;
  begin(run: FaultRun, proxy: WireProxy): Promise<unknown>;
  end(run: FaultRun, proxy: WireProxy): Promise<unknown>;
}

const nothing = () => Promise.resolve();

const FAULTS: readonly Fault[] = [
  { name: "none", begin: nothing, end: nothing },
  { name: "stopped", begin: (run) => run.redis.freeze(), end: (run) => run.redis.thaw() },
  {
    name: "cut",
    begin: (_, proxy) => Promise.resolve(proxy.cut()),
    end: (_, proxy) => proxy.mend(),
  },
  {
    name: "silent",
    begin: (_, proxy) => Promise.resolve(proxy.replies = "held"),
    end: (_, proxy) => Promise.resolve(proxy.open()),
  },
  { name: "killed", begin: (run) => run.redis.kill(), end: (run) => run.redis.start() },
  {
    name: "flushed",
    begin: (run) => run.askRedis((redis) => redis.flushall()),
    end: nothing,
  },
];

Deno.test("orders do not notice that Redis is stopped, cut off, killed or emptied", () =>
  withFaults(async (run) => {
    const proxy = WireProxy.to(run.redis.url);
    try {
      const { url } = await run.instance({ REDIS_URL: proxy.through(run.redis.url) });
      const load = run.load({ urls: () => [url], ratePerSecond: 250 });
      const { attempts } = load.history;
      load.start();
      await load.answered(300); // connections and plans are warm now
      const figures: Record<string, AnswerTimes> = {};
      for (const { name, begin, end } of FAULTS) {
        const from = attempts.length;
        await begin(run, proxy);
        await until("500 orders", () => attempts.length > from + 500);
        figures[name] = answerMsOf(attempts.slice(from));
        assertEquals((await statusOf(url)).writer.circuit, "closed");
        await end(run, proxy);
        await until("Redis to be back", async () => (await statusOf(url)).spill.state === "ready");
      }
      await run.verify(load);
      report("Redis away", { ...load.figures, answerMs: figures });
      const others = attempts.filter(({ answer }) => outcomeOf(answer) !== "committed");
      assertEquals(others, [], "every order is committed");
      const { none, ...away } = figures;
      for (const { p99 } of Object.values(away)) assertLess(p99, atOnceMs(none!), "milliseconds");
    } finally {
      await proxy.close();
    }
  }));
