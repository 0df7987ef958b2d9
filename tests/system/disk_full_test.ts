/**
 * A disk that is full: PostgreSQL's, and the one of Redis's append-only file, each a small tmpfs.
 *
 * Mounting one needs root; the test fails, in one line, where it may not.
 */
import { assertEquals, assertGreater, assertLess } from "@std/assert";
import { BACK_MS, type FaultRun, report, statusOf, withFaults } from "../support/fault_run.ts";
import { outcomeOf } from "../support/history.ts";
import { withSmallDisk } from "../support/small_disk.ts";
import { until } from "../support/services.ts";

const POSTGRES_MIB = 192;
const REDIS_MIB = 8;

async function answersAfter(run: { readonly attempts: readonly unknown[] }, count: number) {
  const from = run.attempts.length;
  await until(`${count} answers`, () => run.attempts.length > from + count);
}

async function expectBack(run: FaultRun, url: string): Promise<void> {
  await until("the circuit to close", async () => {
    if (!run.postgres.runs) await run.postgres.start(); // it ends itself when it cannot write WAL
    return (await statusOf(url)).writer.circuit === "closed";
  }, 60_000);
}

Deno.test("with PostgreSQL's disk full orders are spilled, and all are committed when there is room", () =>
  withSmallDisk(POSTGRES_MIB, (disk) =>
    withFaults(async (run) => {
      const { url } = await run.instance();
      const load = run.load({ urls: () => [url], ratePerSecond: 250 });
      const { history } = load;
      load.start();
      await answersAfter(history, 200);
      await disk.fill();
      await until("the circuit to open", async () =>
        (await statusOf(url)).writer.circuit === "open", 60_000);
      const code = (await statusOf(url)).writer.lastError;
      await answersAfter(history, 300);
      await disk.free();
      const freedAt = performance.now();
      await expectBack(run, url);
      const backMs = Math.round(performance.now() - freedAt);
      await run.verify(load);
      report("PostgreSQL's disk full", { ...load.figures, code, backMs });
      assertGreater(load.figures.outcomes["spilled"] ?? 0, 100);
      assertLess(backMs, 2 * BACK_MS, "milliseconds to be back, a recovery included");
    }, {
      folders: { postgres: disk.path },
      postgres: { max_wal_size: "32MB", min_wal_size: "32MB" },
    })));

Deno.test("with Redis's disk full orders are refused while the database is away, and none is lost", () =>
  withSmallDisk(REDIS_MIB, (disk) =>
    withFaults(async (run) => {
      const { url } = await run.instance();
      const load = run.load({ urls: () => [url], ratePerSecond: 250 });
      const { history } = load;
      load.start();
      await answersAfter(history, 200);
      await run.postgres.kill();
      await until("spilled orders", () => (history.outcomes()["spilled"] ?? 0) > 200);
      await disk.fill();
      await until("Redis to fail", async () => (await statusOf(url)).spill.state !== "ready");
      await answersAfter(history, 300);
      const refused = history.outcomes()["circuit_open"] ?? 0;
      await disk.free();
      if (run.redis.runs) await run.redis.stop();
      await run.redis.start(); // as the embedded one is started again
      await until("the buffer to be used again", async () =>
        (await statusOf(url)).spill.state === "ready");
      const from = performance.now();
      await until("spilled orders again", () =>
        history.attempts.some(({ sentAt, answer }) =>
          sentAt > from && outcomeOf(answer) === "spilled"
        ));
      await run.postgres.start();
      await run.verify(load);
      report("Redis's disk full", load.figures);
      assertGreater(refused, 0);
      assertEquals(load.figures.outcomes["internal"], undefined);
    }, { folders: { redis: disk.path } })));
