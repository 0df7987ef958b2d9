/**
 * An instance hears a notice on neither way, LISTEN or Redis, while both connections look healthy.
 * Its subscribers get the new version by the regular check, or by the next notice that arrives.
 */
import { assertEquals, assertGreater, assertLess } from "@std/assert";
import type { Snapshot } from "../../../client/mod.ts";
import type { PlaceInput } from "../../../client/contract/order.ts";
import { type FaultRun, report, withFaults } from "../../support/faults/fault_run.ts";
import { keepTrail, readFoldTimes } from "../../support/recount/fold_trail.ts";
import { createTestClient, KEY } from "../../support/services/instance.ts";
import { LiveFeed } from "../../support/load/live_feed.ts";
import { anInput } from "../../support/load/orders.ts";
import type { ServiceProcess } from "../../support/services/service_process.ts";
import { until } from "../../support/services/services.ts";
import { StatementCount } from "../../support/recount/statement_count.ts";
import { WireProxy } from "../../support/faults/wire_proxy.ts";

const ROUNDS = 5;
const FOUND_WITHIN_MS = 3_000;
/** The time that a read and a frame may take on a busy machine. */
const MARGIN_MS = 1_000;

/** A fold's notice on its way to an instance, by PostgreSQL or by Redis. An echo does not match. */
const NOTICE = /(weir_folds|:folds)[^]*"version":/;

/** The statement of the regular check. */
const CHECK = /SELECT max\(epoch\) FROM epochs\)[^]*clock_timestamp/;

interface Deaf {
  /** Takes orders, folds and hears everything. */
  readonly hearing: ServiceProcess;
  /** The instance whose notices can be taken away. */
  readonly deaf: ServiceProcess;
  readonly checks: StatementCount;
  /** Notices taken away. */
  lost: number;
  deafen(isDeaf: boolean): void;
}

function withDeaf(test: (run: FaultRun, stage: Deaf) => Promise<void>): Promise<void> {
  return withFaults(async (run) => {
    const [postgres, redis] = [WireProxy.to(run.postgres.url), WireProxy.to(run.redis.url)];
    const checks = new StatementCount(CHECK);
    postgres.onRequest = checks.look;
    try {
      const hearing = await run.instance();
      await run.ask(keepTrail);
      const deaf = await run.instance({
        DATABASE_URL: postgres.through(run.postgres.url),
        REDIS_URL: redis.through(run.redis.url),
      });
      const lose = (text: string) => {
        if (!NOTICE.test(text)) return;
        stage.lost++;
        return "dropped";
      };
      const stage: Deaf = {
        hearing,
        deaf,
        checks,
        lost: 0,
        deafen: (isDeaf) => {
          for (const wire of [postgres, redis]) wire.onReply = isDeaf ? lose : () => undefined;
        },
      };
      await test(run, stage);
    } finally {
      await Promise.all([postgres.close(), redis.close()]);
    }
  });
}

/** The time at which each version was first shown, by the clock of the machine. */
class Arrivals {
  readonly at = new Map<number, number>();
  readonly errors: unknown[] = [];
  newest = -1;

  readonly see = (_id: string, { version }: Snapshot): void => {
    if (version < this.newest) this.errors.push(new Error(`${this.newest}, then ${version}`));
    if (!this.at.has(version)) this.at.set(version, Date.now());
    this.newest = version;
  };
}

async function place({ url }: ServiceProcess, order: Partial<PlaceInput>): Promise<void> {
  const client = createTestClient(url, KEY);
  try {
    await client.api.orders.place.mutate(anInput(order));
  } finally {
    await client.close();
  }
}

/** The time of the fold that made `version`, once it is there. */
const madeAt = (run: FaultRun, version: number) =>
  until("the fold", async () => {
    const times = await run.ask(readFoldTimes);
    return times.find((fold) => fold.version === version)?.at ?? null;
  });

Deno.test("a fold whose notice is lost on both ways is found within 3 s, right after a check as well", () =>
  withDeaf(async (run, stage) => {
    const { hearing, deaf, checks } = stage;
    const client = createTestClient(deaf.url, KEY);
    try {
      const feeds = [{}, { storeId: "north" }].map((input) => {
        const arrivals = new Arrivals();
        return { arrivals, feed: new LiveFeed(client.api, input, arrivals.see) };
      });
      const everyoneHas = (version: number) =>
        until(
          `version ${version}`,
          () => feeds.every(({ arrivals }) => arrivals.newest >= version),
        );
      await everyoneHas(0);
      stage.deafen(true);
      const foundAfterMs: number[] = [];
      // The longest wait begins right after a check. Later rounds begin there by themselves,
      // because a check ends the round before.
      const { calls } = checks;
      await until("a check", () => checks.calls > calls);
      for (let version = 1; version <= ROUNDS; version++) {
        await place(hearing, { storeId: "north" });
        const at = await madeAt(run, version);
        await everyoneHas(version);
        for (const { arrivals } of feeds) foundAfterMs.push(arrivals.at.get(version)! - at);
      }
      for (const { arrivals, feed } of feeds) {
        feed.end();
        assertEquals([arrivals.errors, feed.errors], [[], []]);
      }
      report("notices lost on both ways", { lost: stage.lost, foundAfterMs });
      assertGreater(stage.lost, 2 * ROUNDS - 1, "notices taken away");
      for (const ms of foundAfterMs) assertLess(ms, FOUND_WITHIN_MS + MARGIN_MS, "milliseconds");
    } finally {
      await client.close();
    }
  }));

Deno.test("a notice that follows a lost one brings the changes of both", () =>
  withDeaf(async (run, stage) => {
    const { hearing, deaf } = stage;
    const client = createTestClient(deaf.url, KEY);
    try {
      const arrivals = new Arrivals();
      const feed = new LiveFeed(client.api, { storeId: "north" }, arrivals.see);
      await until("a first frame", () => arrivals.newest === 0);
      const waits: number[] = [];
      for (let lost = 1; lost < 2 * ROUNDS; lost += 2) {
        stage.deafen(true);
        await place(hearing, { storeId: "north" });
        await until("the notice to be lost", () => stage.lost === lost + 1); // on both ways
        stage.deafen(false);
        await place(hearing, { storeId: "south" });
        const at = await madeAt(run, lost + 1);
        await until("the frame of the lost notice", () => arrivals.newest >= lost);
        waits.push(Math.max(0, arrivals.at.get(lost)! - at));
      }
      feed.end();
      report("found by the next notice", { afterMs: waits });
      assertEquals([arrivals.errors, feed.errors], [[], []]);
      // With the check alone, some frames would wait for most of its 3 s.
      assertLess(Math.max(...waits), FOUND_WITHIN_MS / 2, "milliseconds");
    } finally {
      await client.close();
    }
  }));
