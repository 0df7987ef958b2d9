/**
 * A full disk, of PostgreSQL and of the append-only file of Redis. Each disk is a small tmpfs.
 *
 * Mounting one needs root. Without root the test fails with one line that says so.
 */
import { assert, assertEquals, assertGreater, assertLess } from "@std/assert";
import { type EmbeddedEvent, startEmbedded } from "../../../server/embedded/mod.ts";
import {
  BACK_MS,
  type FaultRun,
  report,
  statusOf,
  withFaults,
} from "../../support/faults/fault_run.ts";
import { outcomeOf } from "../../support/recount/history.ts";
import { withSmallDisk } from "../../support/services/small_disk.ts";
import { until } from "../../support/services/services.ts";

const POSTGRES_MIB = 192;
const REDIS_MIB = 16;
/** Several times the pause before the embedded Redis is started again after some failures. */
const RESTART_MS = 20_000;

async function expectBack(run: FaultRun, url: string): Promise<void> {
  await until("the circuit to close", async () => {
    // PostgreSQL ends itself when it cannot write WAL.
    if (!run.postgres.runs) await run.postgres.start();
    return (await statusOf(url)).writer.circuit === "closed";
  }, 60_000);
}

Deno.test("a full disk of PostgreSQL spills orders, and all are committed when there is room", () =>
  withSmallDisk(POSTGRES_MIB, (disk) =>
    withFaults(async (run) => {
      const { url } = await run.instance();
      const load = run.load({ urls: () => [url], ratePerSecond: 250 });
      load.start();
      await load.answered(200);
      await disk.fill();
      await until("the circuit to open", async () =>
        (await statusOf(url)).writer.circuit === "open", 60_000);
      const code = (await statusOf(url)).writer.lastError;
      await load.answered(300);
      await disk.free();
      const freedAt = performance.now();
      await expectBack(run, url);
      const backMs = Math.round(performance.now() - freedAt);
      await run.verify(load);
      report("PostgreSQL's disk full", { ...load.figures, code, backMs });
      assertGreater(load.figures.outcomes["spilled"] ?? 0, 100);
      assertLess(backMs, 2 * BACK_MS, "milliseconds to be back, a recovery included");
    }, {
      folder: disk.path,
      postgres: { max_wal_size: "32MB", min_wal_size: "32MB" },
    })));

/** Runs `test` with the embedded Redis, in a folder. */
async function withEmbeddedRedis(
  dataDir: string,
  test: (redisUrl: string, events: readonly EmbeddedEvent[]) => Promise<void>,
): Promise<void> {
  const events: EmbeddedEvent[] = [];
  const onEvent = (event: EmbeddedEvent) => events.push(event);
  const { redis, stop } = await startEmbedded({ dataDir, postgres: false, redis: true, onEvent });
  try {
    assert(redis !== null, events.map(({ message }) => message).join("; "));
    await test(redis.url, events);
  } finally {
    await stop();
  }
}

Deno.test("a full disk of Redis refuses orders while the database is away, and spills them when there is room", () =>
  withSmallDisk(
    REDIS_MIB,
    (disk) =>
      withEmbeddedRedis(disk.path, (redisUrl, events) =>
        withFaults(async (run) => {
          const count = (kind: EmbeddedEvent["kind"]) =>
            events.filter((event) => event.kind === kind).length;
          const { url } = await run.instance();
          // Most callers send once: callers that send again would add up while both are out.
          const load = run.load({ urls: () => [url], ratePerSecond: 250, once: 0.8 });
          const { history } = load;
          load.start();
          await load.answered(200);
          await run.postgres.kill();
          await until("spilled orders", () => (history.outcomes()["spilled"] ?? 0) > 200);

          await disk.fill();
          await until("Redis to end itself", () => count("exited") > 0);
          await until(
            "a start without room to fail",
            () => count("exited") + count("retrying") > 1,
          );
          await load.answered(300);
          const refused = history.outcomes()["circuit_open"] ?? 0;
          await disk.free();
          const freedAt = performance.now();
          const { answeredAt } = await until(
            "spilled orders again",
            () =>
              history.attempts.find(({ sentAt, answer }) =>
                sentAt > freedAt && outcomeOf(answer) === "spilled"
              ),
            2 * RESTART_MS,
          );
          const backMs = Math.round(answeredAt - freedAt);
          await load.answered(200);
          await run.postgres.start();
          await run.verify(load);
          const said = Object.entries(Object.groupBy(events, ({ kind }) => kind))
            .map(([kind, them]) => [kind, them.length]);
          report("Redis's disk full", { ...load.figures, ...Object.fromEntries(said), backMs });
          assertGreater(count("ready"), 1, "Redis was started again");
          assertGreater(refused, 0);
          assertEquals(load.figures.outcomes["internal"], undefined);
          assertLess(backMs, RESTART_MS, "milliseconds until orders are spilled again");
        }, { redisUrl })),
  ));
