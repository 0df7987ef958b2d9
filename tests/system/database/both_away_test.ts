/** PostgreSQL and Redis are both away. New orders are refused at once, orders in flight are not. */
import { assertEquals, assertGreater, assertLess } from "@std/assert";
import type { FaultLoad } from "../../support/faults/fault_load.ts";
import { BACK_MS, report, statusOf, withFaults } from "../../support/faults/fault_run.ts";
import { answerMsOf, atOnceMs, outcomeOf } from "../../support/recount/history.ts";
import { until } from "../../support/services/services.ts";
import { WireProxy } from "../../support/faults/wire_proxy.ts";

Deno.test("orders are refused at once while PostgreSQL and Redis are away, orders in flight are outcome_unknown", () =>
  withFaults(async (run) => {
    const database = WireProxy.to(run.postgres.url);
    const redis = WireProxy.to(run.redis.url);
    try {
      const { url } = await run.instance({
        DATABASE_URL: database.through(run.postgres.url),
        REDIS_URL: redis.through(run.redis.url),
      });
      const load = run.load({
        urls: () => [url],
        ratePerSecond: 250,
        once: 0.5,
        deadlineMs: 1_000,
      });
      const { attempts, seed } = load.history;
      load.start();
      await load.answered(300);
      const warmAt = performance.now();
      await load.answered(300);

      redis.cut();
      await until(
        "the overflow to be called unavailable",
        async () => (await statusOf(url)).spill.state === "unavailable",
      );
      const inFlight = new Set<string>();
      database.onRequest = (text) => {
        for (const key of text.match(new RegExp(`\\b${seed}-\\d+\\b`, "g")) ?? []) {
          inFlight.add(key);
          database.replies = "dropped";
        }
      };
      await until("a batch in flight", () => inFlight.size > 0);
      database.cut();
      database.onRequest = () => undefined;
      const cutAt = performance.now();
      await until(
        "the circuit to open",
        async () => (await statusOf(url)).writer.circuit !== "closed",
      );
      const openAt = performance.now();
      await until(
        "500 answers meanwhile",
        () => attempts.filter(({ sentAt }) => sentAt > openAt).length > 500,
      );
      const mendedAt = performance.now();
      await database.mend();
      await redis.mend();
      await until(
        "a commit",
        () =>
          attempts.some(({ sentAt, answer }) =>
            sentAt > mendedAt && answer.kind === "acknowledged"
          ),
      );
      const backMs = performance.now() - mendedAt;
      await run.verify(load);
      expectHeld(load, inFlight, { warmAt, cutAt, openAt, mendedAt, backMs });
    } finally {
      await database.close();
      await redis.close();
    }
  }));

interface Moments {
  readonly warmAt: number;
  readonly cutAt: number;
  readonly openAt: number;
  readonly mendedAt: number;
  readonly backMs: number;
}

/** Expects that orders sent while both were away were refused at once, and orders in flight not. */
function expectHeld(
  { figures, history: { attempts } }: FaultLoad,
  inFlight: ReadonlySet<string>,
  { warmAt, cutAt, openAt, mendedAt, backMs }: Moments,
): void {
  const meanwhile = attempts.filter(({ sentAt, answeredAt }) =>
    sentAt > openAt && answeredAt < mendedAt
  );
  const usual = answerMsOf(
    attempts.filter(({ sentAt, answeredAt }) => sentAt > warmAt && answeredAt < cutAt),
  );
  const answerMs = answerMsOf(meanwhile);
  const sentThen = attempts.filter(({ key, sentAt, answeredAt }) =>
    inFlight.has(key) && sentAt < cutAt && answeredAt > cutAt
  );
  report("both away", {
    ...figures,
    openMs: Math.round(openAt - cutAt),
    usualMs: usual,
    answerMs,
    inFlight: sentThen.length,
    backMs: Math.round(backMs),
  });
  const refused = meanwhile.filter(({ answer }) => outcomeOf(answer) === "circuit_open");
  assertGreater(refused.length, meanwhile.length * 0.9, "refused while both were away");
  assertGreater(sentThen.length, 0);
  assertEquals(sentThen.filter(({ answer }) => outcomeOf(answer) !== "outcome_unknown"), []);
  assertLess(answerMs.p99, atOnceMs(usual), "milliseconds to refuse");
  assertLess(openAt - cutAt, 5_000, "milliseconds to open");
  assertLess(backMs, BACK_MS, "milliseconds to be back");
}
