/** The calendar of one of two instances is an hour ahead. No figure and no time may show it. */
import { assert, assertEquals, assertGreater } from "@std/assert";
import type { Snapshot, WeirClient } from "../../../client/mod.ts";
import { MINUTE_MS } from "../../../sql/time.ts";
import { type FaultRun, report, statusOf, withFaults } from "../../support/faults/fault_run.ts";
import { createTestClient, KEY } from "../../support/services/instance.ts";
import { LiveFeed } from "../../support/load/live_feed.ts";
import { request } from "../../support/load/raw_calls.ts";
import { recountCurrencies } from "../../support/recount/recounted_currencies.ts";
import { clockAhead } from "../../support/services/service_process.ts";
import { until } from "../../support/services/services.ts";
import { WireProxy } from "../../support/faults/wire_proxy.ts";

const AHEAD_MS = 60 * MINUTE_MS;
/** Far less than the error of the clock, and far more than any step here takes. */
const MARGIN_MS = 10 * MINUTE_MS;
const CANCELLED = 10;
const SCOPES = ["*", "north"];

/** The database's clock, Unix milliseconds. */
function databaseNow(run: FaultRun): Promise<number> {
  return run.ask(async (sql) => {
    const [row] = await sql<{ now: Date }[]>`select clock_timestamp() as now`;
    return row!.now.getTime();
  });
}

/** Counts the orders of the last hour in all currencies: all of them, and the cancelled ones. */
function countIn({ currencies }: Snapshot): { readonly all: number; readonly cancelled: number } {
  let [all, cancelled] = [0, 0];
  for (const { last60m } of currencies) {
    all += last60m.orders + last60m.cancelledOrders;
    cancelled += last60m.cancelledOrders;
  }
  return { all, cancelled };
}

/** Expects the figures of a recount, in the windows of now, with a sensible age. */
async function expectOfNow(run: FaultRun, snapshot: Snapshot): Promise<void> {
  const { scope, minute, epoch, asOf, ageMs } = snapshot;
  const now = await databaseNow(run);
  assert(Date.parse(minute) <= now && now < Date.parse(minute) + 2 * MINUTE_MS, minute);
  assert(Date.parse(asOf) <= now && now < Date.parse(asOf) + MINUTE_MS, asOf);
  assert(ageMs >= 0 && ageMs < MINUTE_MS, `${ageMs} ms old`);
  const [begun] = await run.ask((sql) => sql<{ epoch: string }[]>`select epoch from epochs`);
  assertEquals([epoch, snapshot.stale], [Number(begun?.epoch), false], "the first epoch");
  const recounted = await run.ask((sql) => recountCurrencies(sql, scope, minute));
  assertEquals(snapshot.currencies, recounted);
}

/** The mean freshness of all frames, in milliseconds. It must be above 0 and below a minute. */
async function meanFreshness(url: string): Promise<number> {
  const { text } = await request(`${url}/metrics`);
  const figure = (name: string) =>
    Number(text.split("\n").find((line) => line.startsWith(`${name} `))?.split(" ")[1]);
  const metric = "weir_dashboard_freshness_seconds";
  const frames = figure(`${metric}_count`);
  assertGreater(frames, 0);
  const meanMs = 1_000 * figure(`${metric}_sum`) / frames;
  assert(meanMs > 0 && meanMs < MINUTE_MS, `${meanMs} ms`);
  return Math.round(meanMs);
}

/** Cancels some orders, half of them at each instance. @returns the times in the answers. */
async function cancelSome(run: FaultRun, apis: readonly WeirClient["api"][]): Promise<number[]> {
  const orders = await run.ask((sql) =>
    sql<{ store_id: string; order_id: string }[]>`
      select store_id, order_id from orders order by order_id limit ${CANCELLED}`
  );
  return await Promise.all(orders.map(async ({ store_id, order_id }, index) => {
    const order = { storeId: store_id, orderId: order_id };
    const { cancelledAt } = await apis[index % apis.length]!.orders.cancel.mutate(order);
    return Date.parse(cancelledAt);
  }));
}

/** Expects that the feed comes to show every order exactly, and never went back. */
async function expectExactFeed(run: FaultRun, feed: LiveFeed): Promise<void> {
  const { scope } = (await feed.reaches(() => true)).snapshot;
  const stored = await run.ask((sql) =>
    sql<{ cancelled_at: Date | null }[]>`
      select cancelled_at from orders where ${scope} = '*' or store_id = ${scope}`
  );
  const cancelled = stored.filter(({ cancelled_at }) => cancelled_at !== null).length;
  const { snapshot } = await feed.reaches((snapshot) => {
    const count = countIn(snapshot);
    return count.all === stored.length && count.cancelled === cancelled && !snapshot.stale;
  }, `all of ${scope}`);
  await expectOfNow(run, snapshot);
  assertEquals([feed.wentBack(), feed.errors], [null, []]);
  feed.end();
}

Deno.test("an instance whose clock is an hour ahead gets every figure and every time right", () =>
  withFaults(async (run) => {
    const proxy = WireProxy.to(run.postgres.url);
    const right = await run.instance();
    const wrong = await run.instance({
      ...clockAhead(AHEAD_MS),
      DATABASE_URL: proxy.through(run.postgres.url),
    });
    const clients = [right, wrong].map(({ url }) => createTestClient(url, KEY));
    try {
      const { startedAt } = await statusOf(wrong.url);
      assertGreater(
        Date.parse(startedAt),
        Date.now() + AHEAD_MS - MARGIN_MS,
        "the instance has the wrong calendar",
      );
      const begunAt = await databaseNow(run);
      const apis = clients.map(({ api }) => api);
      const feeds = apis.flatMap((api) =>
        SCOPES.map((scope) => new LiveFeed(api, scope === "*" ? {} : { storeId: scope }))
      );
      const load = run.load({ urls: () => [right.url, wrong.url], ratePerSecond: 200 });
      load.start();
      await until("500 orders", () => load.history.attempts.length > 500);
      const freshMs = [await meanFreshness(right.url), await meanFreshness(wrong.url)];

      proxy.cut();
      await until("orders to be spilled", () => (load.history.outcomes()["spilled"] ?? 0) > 20);
      const { spill: { oldestAgeMs } } = await until("the spilled orders to be seen", async () => {
        const status = await statusOf(wrong.url);
        return status.spill.oldestAgeMs === null ? null : status;
      });
      assert(oldestAgeMs! >= 0 && oldestAgeMs! < MARGIN_MS, `${oldestAgeMs} ms`);
      await proxy.mend();
      await run.verify(load);
      await until(
        "the database to be used again",
        async () => (await statusOf(wrong.url)).writer.circuit === "closed",
      );

      const cancelledAt = await cancelSome(run, apis);
      for (const feed of feeds) await expectExactFeed(run, feed);
      for (const api of apis) await expectOfNow(run, await api.dashboard.snapshot.query({}));

      const endedAt = await databaseNow(run);
      const placedAt = load.history.attempts.flatMap(({ answer }) =>
        answer.kind === "acknowledged" ? [Date.parse(answer.placedAt)] : []
      );
      for (const at of [...placedAt, ...cancelledAt]) {
        assert(at > begunAt - MINUTE_MS && at < endedAt + MINUTE_MS, new Date(at).toISOString());
      }
      await expectKept(run, proxy, apis);
      report("a clock an hour ahead", {
        seed: load.history.seed,
        outcomes: load.history.outcomes(),
        freshMs,
      });
    } finally {
      await Promise.all(clients.map((client) => client.close()));
      await proxy.close();
    }
  }));

/** Expects the wrong instance to serve what the right one kept, and its own to end in time. */
async function expectKept(
  run: FaultRun,
  proxy: WireProxy,
  [right, wrong]: readonly WeirClient["api"][],
): Promise<void> {
  await until("a new minute", () => new Date().getUTCSeconds() < 50);
  await wrong!.dashboard.snapshot.query({ storeId: "east" });
  await right!.dashboard.snapshot.query({ storeId: "south" });
  const lifetimes = await until("both to be kept", () =>
    run.askRedis(async (redis) => {
      const keys = ["east", "south"].map((scope) => `${run.prefix}:{snapshot}:${scope}`);
      const left = await Promise.all(keys.map((key) => redis.pttl(key)));
      return left.every((ms) => ms > 0) ? left : null;
    }));
  for (const ms of lifetimes) assert(ms <= MINUTE_MS, `${ms} ms`);
  proxy.cut();
  const kept = await Promise.all(
    ["south", "east"].map((storeId) => wrong!.dashboard.snapshot.query({ storeId })),
  );
  for (const snapshot of kept) {
    assertEquals(snapshot.source, "cache");
    await expectOfNow(run, snapshot);
  }
}
