/**
 * Redis loses everything, and then an instance that was stopped with old figures in its hands wakes
 * and keeps those there: nobody who has seen newer is shown them, whichever instance they come to.
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
  /** An instance that has been there all along. */
  readonly witness: WeirClient["api"];
  /** What a client has seen of the store. */
  readonly seen: { readonly id: string; readonly version: number };
  /** The version that is kept in Redis now. */
  readonly old: number;
  clientOf(service: ServiceProcess): WeirClient["api"];
}

/** The version of the store that is kept in Redis; null: none is. */
async function kept(run: FaultRun): Promise<number | null> {
  const key = `${run.prefix}:snapshot:${STORE.storeId}`;
  const version = await run.askRedis((redis) => redis.hget(key, "version"));
  return version === null ? null : Number(version);
}

function ordersIn({ currencies }: Snapshot): number {
  return currencies[0]?.last60m.orders ?? 0;
}

/** What is kept of a minute is gone with it: enough of one has to be left. */
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
          WEIR_STATEMENT_TIMEOUT_MS: "30000", // its answer is to be taken though it comes late
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
        if (stopped || !text.includes('"revenueMinor"')) return; // figures
        sleeper.signal("SIGSTOP");
        stopped = true;
      };
      const asked = clientOf(sleeper).dashboard.snapshot.query(STORE);
      await until("the instance to be stopped", () => stopped);
      await witness.orders.placeMany.mutate({ orders: [anInput(STORE), anInput(STORE)] });
      await witness.orders.place.mutate(anInput(STORE));
      const { id, snapshot: { version } } = await feed.reaches((one) => ordersIn(one) === 4);
      feed.end();
      await until("it to be kept", async () => await kept(run) === version);

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

/** The versions a feed was shown, all of which must be as new as what was seen. */
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
    await until("it to be kept", async () => await kept(run) === seen.version);
  }));

Deno.test("old figures kept after Redis lost everything are shown in an outage to newcomers alone", () =>
  withOldKept(async ({ run, witness, seen, old, clientOf }) => {
    await run.postgres.kill();
    const api = clientOf(await run.startService({}));
    const resumed = new LiveFeed(api, { ...STORE, lastEventId: seen.id });
    const newcomer = new LiveFeed(api, STORE);
    // An instance that knows nothing else shows what is kept, so the others have to keep it off.
    const { snapshot } = await newcomer.reaches(() => true, "what is kept");
    assertEquals([snapshot.source, snapshot.version], ["cache", old]);
    const refused = await witness.dashboard.snapshot.query(STORE).catch(errorDataOf);
    assert(refused !== null && "reason" in refused, "the witness, which knows more, shows it");
    assertEquals(refused.reason, "unavailable");
    await newcomer.reaches(({ stale }) => stale, "what is kept, as stale");
    assertEquals(resumed.frames, []);

    const begunAt = performance.now();
    await run.postgres.start();
    await resumed.reaches(() => true, "what the database has");
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
