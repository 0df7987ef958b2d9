/**
 * An instance is stopped while it holds old figures. Redis loses everything. The instance wakes and
 * keeps the old figures in Redis. No instance shows them to a client that has seen newer figures.
 */
import { assert, assertEquals, assertGreater } from "@std/assert";
import { errorDataOf, type Snapshot, type WeirClient } from "../../../client/mod.ts";
import { type FaultRun, report, withFaults } from "../../support/faults/fault_run.ts";
import { createTestClient, KEY } from "../../support/services/instance.ts";
import { LiveFeed } from "../../support/load/live_feed.ts";
import { anInput } from "../../support/load/orders.ts";
import type { ServiceProcess } from "../../support/services/service_process.ts";
import { until } from "../../support/services/services.ts";
import { WireProxy } from "../../support/faults/wire_proxy.ts";

const STORE = { storeId: "store-1" };

interface Stage {
  readonly run: FaultRun;
  /** An instance that ran all the time. */
  readonly witness: WeirClient["api"];
  /** The newest frame of the store that a client has seen. */
  readonly seen: { readonly id: string; readonly version: number };
  /** The version that is kept in Redis now. */
  readonly old: number;
  clientOf(service: ServiceProcess): WeirClient["api"];
}

/** The version of the store that is kept in Redis; null: none is. */
async function kept(run: FaultRun): Promise<number | null> {
  const key = `${run.prefix}:{snapshot}:${STORE.storeId}`;
  const version = await run.askRedis((redis) => redis.hget(key, "version"));
  return version === null ? null : Number(version);
}

function ordersIn({ currencies }: Snapshot): number {
  return currencies[0]?.last60m.orders ?? 0;
}

/** Waits until enough of a minute is left: a kept snapshot ends with its minute. */
async function earlyInAMinute(): Promise<void> {
  await until("a new minute", () => new Date().getUTCSeconds() < 35, 40_000);
}

/** Runs `test` once the old figures are kept. */
function withOldKept(test: (stage: Stage) => Promise<void>): Promise<void> {
  return withFaults(async (run) => {
    const proxy = WireProxy.to(run.postgres.url);
    const clients: WeirClient[] = [];
    const clientOf = ({ url }: ServiceProcess) => {
      const client = createTestClient(url, KEY);
      clients.push(client);
      return client.api;
    };
    try {
      const [sleeper, other] = await Promise.all([
        run.instance({
          DATABASE_URL: proxy.through(run.postgres.url),
          WEIR_STATEMENT_TIMEOUT_MS: "30000", // a late answer must still be used
        }),
        run.instance(),
      ]);
      const witness = clientOf(other);
      const feed = new LiveFeed(witness, STORE);
      await witness.orders.place.mutate(anInput(STORE));
      await feed.reaches((snapshot) => ordersIn(snapshot) === 1);

      await earlyInAMinute();
      let stopped = false;
      proxy.onReply = (text) => {
        if (stopped || !text.includes('"revenueMinor"')) return; // no figures
        sleeper.signal("SIGSTOP");
        stopped = true;
      };
      const asked = clientOf(sleeper).dashboard.snapshot.query(STORE);
      await until("the instance to be stopped", () => stopped);
      await witness.orders.placeMany.mutate({ orders: [anInput(STORE), anInput(STORE)] });
      await witness.orders.place.mutate(anInput(STORE));
      const { id, snapshot: { version } } = await feed.reaches((one) => ordersIn(one) === 4);
      feed.end();
      await until("the newest version to be kept", async () => await kept(run) === version);

      await run.askRedis((redis) => redis.flushall());
      assertEquals(await kept(run), null);
      sleeper.signal("SIGCONT");
      const { version: old } = await asked;
      assertGreater(version, old);
      await until("the old figures to be kept", async () => await kept(run) === old);
      await test({ run, witness, seen: { id, version }, old, clientOf });
    } finally {
      await Promise.all(clients.map((client) => client.close()));
      await proxy.close();
    }
  });
}

/** Expects that each version of a feed is as new as the one that was seen before. */
function expectNothingOlder(feed: LiveFeed, { version }: Stage["seen"]): void {
  assertGreater(feed.frames.length, 0);
  for (const { id, snapshot } of feed.frames) assert(snapshot.version >= version, `shown ${id}`);
  assertEquals([feed.wentBack(), feed.errors], [null, []]);
  feed.end();
}

Deno.test("old figures kept after Redis lost everything are not shown while the database is up", () =>
  withOldKept(async ({ run, seen, old, clientOf }) => {
    const fresh = await run.instance();
    const api = clientOf(fresh);
    assertEquals(await kept(run), old);
    const [resumed, newcomer] = [{ lastEventId: seen.id }, {}]
      .map((input) => new LiveFeed(api, { ...STORE, ...input }));
    const asked = await api.dashboard.snapshot.query(STORE);
    assertEquals([asked.source, asked.version], ["database", seen.version]);
    for (const feed of [resumed!, newcomer!]) {
      const { snapshot } = await feed.reaches(() => true, "a first frame");
      assert(snapshot.source !== "cache", `from ${snapshot.source}`);
      expectNothingOlder(feed, seen);
    }
    await until("the newest version to be kept", async () => await kept(run) === seen.version);
  }));

Deno.test("old figures kept after Redis lost everything are shown in an outage to newcomers alone", () =>
  withOldKept(async ({ run, witness, seen, old, clientOf }) => {
    await run.postgres.kill();
    const api = clientOf(await run.startService({}));
    const resumed = new LiveFeed(api, { ...STORE, lastEventId: seen.id });
    const newcomer = new LiveFeed(api, STORE);
    // An instance that knows nothing newer shows the kept figures. The other instances must not.
    const { snapshot } = await newcomer.reaches(() => true, "the kept figures");
    assertEquals([snapshot.source, snapshot.version], ["cache", old]);
    const refused = await witness.dashboard.snapshot.query(STORE).catch(errorDataOf);
    assert(
      refused !== null && "reason" in refused,
      "the witness knows newer figures and does not show these",
    );
    assertEquals(refused.reason, "unavailable");
    await newcomer.reaches(({ stale }) => stale, "the kept figures, as stale");
    assertEquals(resumed.frames, []);

    const begunAt = performance.now();
    await run.postgres.start();
    await resumed.reaches(() => true, "the figures of the database");
    report("resumed after an outage", { afterMs: Math.round(performance.now() - begunAt) });
    await newcomer.reaches(({ version }) => version >= seen.version);
    await until(
      "an order to be taken",
      () => api.orders.place.mutate(anInput(STORE)).then(() => true, () => false),
    );
    for (const feed of [resumed, newcomer]) {
      await feed.reaches((one) => ordersIn(one) === 5);
      assertEquals(feed.wentBack(), null);
    }
    expectNothingOlder(resumed, seen);
    newcomer.end();
  }));
