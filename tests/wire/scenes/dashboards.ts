/** The figures: once, live over WebSocket and by events, of one store and of all. */
import { until } from "../../support/services/services.ts";
import { anOrder } from "../calls.ts";
import { scene, withinOneMinute } from "../scene.ts";
import { dataOf, type Wire } from "../wire.ts";

const STORE = { storeId: "store-1" };

/** True for figures from `source` whose first currency counts this many orders. */
const counts = (orders: number, source: string) => (text: string) =>
  text.includes(`"source":"${source}"`) &&
  text.includes(`"today":{"orders":${orders},`) &&
  text.includes(`"last60m":{"orders":${orders},`) &&
  text.includes('"topProducts":[{');

const LINES = [
  { sku: "tea", quantity: 2, unitPriceMinor: 450 },
  { sku: "coffee", quantity: 1, unitPriceMinor: 900 },
  { sku: "cup", quantity: 1, unitPriceMinor: 0 },
];

export const dashboards = withinOneMinute(scene("dashboards", async (wire, { api }) => {
  const empty = { fits: (text: string) => text.includes('"source":"database"') };
  await wire.query("a store without orders", "dashboard.snapshot", { storeId: "store-0" }, empty);
  const cancelled = dataOf<{ orderId: string }>(
    await wire.mutate("place", "orders.place", anOrder("one", { lines: LINES })),
  );
  await wire.mutate(
    "place in another currency",
    "orders.place",
    anOrder("two", { currency: "USD" }),
  );
  const elsewhere = anOrder("three", { storeId: "store-2" });
  await wire.mutate("place in another store", "orders.place", elsewhere);
  // This call keeps the figures in the instance's memory. The frames below come from there.
  const watching = await watch(api);
  await playOnce(wire);
  await playLive(wire);
  const order = { ...STORE, orderId: cancelled.orderId };
  await wire.mutate("cancel", "orders.cancel", order);
  await wire.query("after a cancellation", "dashboard.snapshot", STORE, {
    fits: (text) => text.includes('"cancelledOrders":1') && text.includes('"source":"database"'),
  });
  await until("the cancellation, live", () => watching.latest("store-1")?.startsWith("2,"));
  await playPatches(wire);
  watching.end();
}, { environment: { WEIR_AGGREGATOR_INTERVAL_MS: "60000" } }));

type Api = Parameters<Parameters<typeof scene>[1]>[1]["api"];

interface Watching {
  /** The orders of the latest frame by currency, each with the units of its products. */
  latest(scope: string): string | undefined;
  end(): void;
}

/** Watches the store and all stores, until the figures have all orders. */
async function watch(api: Api): Promise<Watching> {
  const seen = new Map<string, string>();
  const subscriptions = [STORE, {}].map((input) =>
    api.dashboard.live.subscribe(input, {
      onData: ({ data: { scope, currencies } }) => {
        const sums = currencies.map(({ today, topProducts }) =>
          [today.orders, ...topProducts.map(({ units }) => units)].join()
        );
        seen.set(scope, sums.join(" "));
      },
    })
  );
  const latest = (scope: string) => seen.get(scope);
  await until(
    "the figures",
    () => latest("store-1") === "1,1,2,1 1,2" && latest("*") === "2,4,1,1 1,2",
  );
  return {
    latest,
    end: () => subscriptions.forEach((subscription) => subscription.unsubscribe()),
  };
}

/** True for an update of this kind after which the store has so many orders. */
const updates = (kind: string, orders: number) => (text: string) =>
  text.includes(`"kind":"${kind}"`) && text.includes(`"today":{"orders":${orders},`);

async function playPatches(wire: Wire): Promise<void> {
  const path = "dashboard.livePatches";
  await wire.socket("patches, by WebSocket", async (socket) => {
    await socket.ask({ id: 1, method: "subscription", params: { path, input: STORE } });
    await socket.await(updates("full", 2));
    await wire.mutate("place, seen in a patch", "orders.place", anOrder("six"));
    await socket.await(updates("patch", 3));
  });
  await wire.stream(
    "patches, by events",
    path,
    { ...STORE, maxFramesPerSecond: 60 },
    async (it) => {
      await it.next();
      await it.await(updates("full", 3));
      await wire.mutate("place, seen in a patch by events", "orders.place", anOrder("seven"));
      await it.await(updates("patch", 4));
    },
  );
  const tooMany = { ...STORE, maxFramesPerSecond: 61 };
  await wire.stream("patches, at a rate that is too high", path, tooMany, async (events) => {
    for (let count = 0; count < 3; count++) await events.nextOrEnd();
  });
}

async function playOnce(wire: Wire): Promise<void> {
  await wire.query("one store", "dashboard.snapshot", STORE, { fits: counts(1, "database") });
  const all = { fits: counts(2, "database") };
  await wire.query("all stores", "dashboard.snapshot", {}, all);
  await wire.query("all stores, without an input", "dashboard.snapshot", undefined, all);
  await wire.query("not a store", "dashboard.snapshot", { storeId: "No Store" });
  await wire.query("an unknown field", "dashboard.snapshot", { store: "store-1" });
}

async function playLive(wire: Wire): Promise<void> {
  const subscribe = (input: unknown, more: object = {}) => ({
    id: 1,
    method: "subscription",
    params: { path: "dashboard.live", input, ...more },
  });
  await wire.socket("live, by WebSocket", async (socket) => {
    await socket.ask(subscribe(STORE));
    await socket.await(counts(1, "live"));
    await wire.mutate("place, seen live", "orders.place", anOrder("four"));
    await socket.await(counts(2, "live"));
    await socket.ask({ id: 1, method: "subscription.stop" });
  });
  await wire.stream("live, by events", "dashboard.live", STORE, async (events) => {
    await events.next();
    await events.await(counts(2, "live"));
    await wire.mutate("place, seen by events", "orders.place", anOrder("five"));
    await events.await(counts(3, "live"));
  });
  const position = await wire.query("the position", "dashboard.snapshot", STORE, {
    fits: counts(3, "database"),
  });
  const { epoch, version } = dataOf<{ epoch: number; version: number }>(position);
  const lastEventId = `${epoch}:${version}`;
  await wire.socket("live again after an event", async (socket) => {
    await socket.ask(subscribe({ ...STORE, lastEventId }));
    await socket.await(counts(3, "live"));
  });
  await wire.socket("live again, the event beside the input", async (socket) => {
    await socket.ask(subscribe(STORE, { lastEventId }));
    await socket.await(counts(3, "live"));
  });
  await wire.stream("live again by events, with a header", "dashboard.live", STORE, async (it) => {
    await it.next();
    await it.await(counts(3, "live"));
  }, { headers: { "last-event-id": lastEventId } });
  await wire.stream("live again by events, in the input", "dashboard.live", {
    ...STORE,
    lastEventId,
  }, async (events) => {
    await events.next();
    await events.await(counts(3, "live"));
  });
  await wire.stream("live, after an event that is none", "dashboard.live", {
    ...STORE,
    lastEventId: "x",
  }, async (events) => {
    for (let count = 0; count < 3; count++) await events.nextOrEnd();
  });
}
