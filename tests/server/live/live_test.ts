/** Live feeds as clients get them: over WebSocket and SSE, on one instance and on two. */
import { assert, assertEquals, assertGreater, assertLess, assertMatch } from "@std/assert";
import type { Snapshot } from "../../../client/mod.ts";
import { EventStream } from "../../support/load/event_stream.ts";
import { KEY, type TestInstance, withInstance } from "../../support/services/instance.ts";
import { LiveFeed } from "../../support/load/live_feed.ts";
import { OrderLoad } from "../../support/load/order_load.ts";
import { anInput } from "../../support/load/orders.ts";
import { expectError } from "../../support/load/refusals.ts";
import { until } from "../../support/services/services.ts";

/** Orders of today in EUR, as a snapshot shows them. */
function ordersIn({ currencies }: Snapshot): number {
  return currencies.find(({ currency }) => currency === "EUR")?.today.orders ?? 0;
}

async function placeOne({ api }: TestInstance, storeId = "store-1"): Promise<void> {
  await api.orders.place.mutate(anInput({ storeId }));
}

/** Places one order and waits until it is in the figures of all stores. @returns their version. */
async function placeAndFold(instance: TestInstance): Promise<number> {
  const before = await instance.api.dashboard.snapshot.query({});
  await placeOne(instance);
  return await until("the fold", async () => {
    const { version } = await instance.api.dashboard.snapshot.query({});
    return version > before.version ? version : null;
  });
}

function expectFull({ id, snapshot }: { id: string; snapshot: Snapshot }, scope: string): void {
  assertEquals([id, snapshot.scope], [`${snapshot.epoch}:${snapshot.version}`, scope]);
  assertMatch(snapshot.asOf, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  assertMatch(snapshot.minute, /T\d\d:\d\d:00\.000Z$/);
  assert(snapshot.ageMs >= 0 && snapshot.ageMs < 10_000, `${snapshot.ageMs} ms old`);
  assert(["live", "cache", "database"].includes(snapshot.source));
  for (const { minutes, today, last60m, topProducts } of snapshot.currencies) {
    assertEquals(minutes.length, 60);
    assertEquals(minutes.at(-1)?.minute, snapshot.minute);
    const [first] = minutes;
    assertEquals(Date.parse(snapshot.minute) - Date.parse(first?.minute ?? ""), 59 * 60_000);
    const sum = minutes.reduce((total, minute) => total + BigInt(minute.revenueMinor), 0n);
    assertEquals(last60m.revenueMinor, String(sum));
    assert(topProducts.length <= 10);
    for (const text of [today.units, today.revenueMinor]) assertMatch(text, /^\d+$/);
  }
}

Deno.test("the first frame is a full snapshot, and each order makes a newer one", () =>
  withInstance(async (instance) => {
    await instance.api.ops.aggregate.mutate(); // so that asOf is of now, not of the migration
    const all = new LiveFeed(instance.api);
    const empty = await all.reaches(() => true);
    expectFull(empty, "*");
    assertEquals([empty.id, empty.snapshot.currencies], ["1:0", []]);
    const store = new LiveFeed(instance.api, { storeId: "store-1" });
    await placeOne(instance);
    await placeOne(instance, "store-2");
    for (const [feed, scope, orders] of [[all, "*", 2], [store, "store-1", 1]] as const) {
      const frame = await feed.reaches((snapshot) => ordersIn(snapshot) === orders);
      expectFull(frame, scope);
      assertEquals(frame.snapshot.stale, false);
      assertEquals([feed.wentBack(), feed.errors], [null, []]);
    }
    const { minute, version } = store.newest!.snapshot;
    const late = new LiveFeed(instance.api, { storeId: "store-1" });
    const first = await late.reaches(() => true);
    expectFull(first, "store-1");
    assertEquals(first.snapshot.version, version);
    assert(first.snapshot.minute >= minute);
    for (const feed of [all, store, late]) feed.end();
  }));

Deno.test("a client that resumes on the other instance goes on from there, with a full snapshot", () =>
  withInstance(async (instance) => {
    const other = await instance.another();
    const before = new LiveFeed(instance.api, { storeId: "store-1" });
    await placeOne(instance);
    const { id } = await before.reaches((snapshot) => ordersIn(snapshot) === 1);
    before.end();
    // Nothing has happened since, and the frame with the same id comes again.
    const same = new LiveFeed(other.api, { storeId: "store-1", lastEventId: id });
    const first = await same.reaches(() => true);
    assertEquals([first.id, ordersIn(first.snapshot)], [id, 1]);
    expectFull(first, "store-1");
    same.end();
    await placeOne(instance);
    const later = new LiveFeed(other.api, { storeId: "store-1", lastEventId: id });
    await later.reaches((snapshot) => ordersIn(snapshot) === 2);
    assertEquals(later.wentBack(), null);
    assert(later.frames.every(({ snapshot }) => snapshot.version >= first.snapshot.version));
    later.end();
  }));

Deno.test("a client that has seen more than the database has gets no frame until the database has it", () =>
  withInstance(async (instance) => {
    const version = await placeAndFold(instance);
    const ahead = new LiveFeed(instance.api, { lastEventId: `1:${version + 2}` });
    const otherEpoch = new LiveFeed(instance.api, { lastEventId: "2:0" });
    const plain = new LiveFeed(instance.api);
    await plain.reaches(() => true);
    await placeAndFold(instance);
    await plain.reaches((snapshot) => snapshot.version === version + 1);
    assertEquals(ahead.frames, []);
    await placeAndFold(instance);
    const { id } = await ahead.reaches(() => true);
    assertEquals([id, ahead.frames.length], [`1:${version + 2}`, 1]);
    assertEquals([otherEpoch.frames, otherEpoch.errors], [[], []]);
    for (const feed of [ahead, otherEpoch, plain]) feed.end();
  }));

Deno.test("a lastEventId that is no event id is refused, not ignored", () =>
  withInstance(async ({ url }) => {
    for (const lastEventId of ["1", "1:2:3", "a:b", "-1:2", "1:1e3", `1:${"9".repeat(30)}`]) {
      const stream = await EventStream.open(url, "dashboard.live", { token: KEY, lastEventId });
      assertEquals((await stream.next())?.event, "connected");
      const refused = await stream.next();
      assertEquals(refused?.event, "serialized-error");
      expectError(refused?.data, "invalid_input");
      await stream.close();
    }
  }));

Deno.test("SSE sends the same frames, resumes by Last-Event-Id, and asks for a key", () =>
  withInstance(async (instance) => {
    const { url } = instance;
    await placeAndFold(instance);
    const open = (options: { lastEventId?: string; query?: string } = {}) =>
      EventStream.open(url, "dashboard.live", { token: KEY, ...options });
    const stream = await open();
    assertMatch(stream.response.headers.get("content-type") ?? "", /^text\/event-stream/);
    assertEquals((await stream.next())?.event, "connected");
    const first = await stream.next();
    assert(first !== null && first.id !== null);
    expectFull({ id: first.id, snapshot: first.data as Snapshot }, "*");
    await placeOne(instance);
    let newest = first;
    while (ordersIn(newest.data as Snapshot) < 2) {
      const next = await stream.next();
      assert(next !== null);
      newest = next;
    }
    await stream.close();
    assert(newest.id !== null);
    const version = Number(newest.id.split(":")[1]);
    for (
      const resumed of [
        await open({ lastEventId: newest.id }),
        await open({ query: `&lastEventId=${newest.id}` }),
      ]
    ) {
      await resumed.next();
      const frame = await resumed.next();
      assertEquals([frame?.id, ordersIn(frame?.data as Snapshot)], [newest.id, 2]);
      await resumed.close();
    }
    const ahead = await open({ lastEventId: `1:${version + 1}` });
    await ahead.next();
    const awaited = ahead.next();
    await placeOne(instance);
    assertEquals((await awaited)?.id, `1:${version + 1}`);
    await ahead.close();

    const without = await EventStream.open(url, "dashboard.live", { token: null });
    await without.next();
    expectError((await without.next())?.data, "unauthenticated");
    await without.close();
    await until("everyone to be gone", async () => await subscribersOf(instance) === 0);
  }));

Deno.test("a client that resumes over SSE on the other instance goes on from there, and never back", () =>
  withInstance(async (instance) => {
    const other = await instance.another();
    const version = await placeAndFold(instance);
    const open = (url: string, options: { lastEventId?: string; query?: string } = {}) =>
      EventStream.open(url, "dashboard.live", { token: KEY, ...options });
    const before = await open(instance.url);
    await before.next();
    const first = await before.next();
    assert(first !== null && first.id !== null);
    assertEquals(first.id, `1:${version}`);
    await before.close();
    const [byHeader, byQuery, ahead] = [
      await open(other.url, { lastEventId: first.id }),
      await open(other.url, { query: `&lastEventId=${first.id}` }),
      await open(other.url, { lastEventId: `1:${version + 1}` }),
    ];
    for (const resumed of [byHeader, byQuery]) {
      assertEquals((await resumed.next())?.event, "connected");
      const same = await resumed.next();
      assertEquals(same?.id, first.id);
      expectFull({ id: first.id, snapshot: same?.data as Snapshot }, "*");
    }
    await ahead.next();
    const awaited = ahead.next();
    await placeAndFold(instance);
    for (const frame of [await awaited, await byHeader.next(), await byQuery.next()]) {
      assertEquals([frame?.id, ordersIn(frame?.data as Snapshot)], [`1:${version + 1}`, 2]);
    }
    for (const stream of [byHeader, byQuery, ahead]) await stream.close();
    await until(
      "everyone to be gone",
      async () => await subscribersOf({ ...instance, ...other }) === 0,
    );
  }));

Deno.test("a snapshot holds every order acknowledged before its asOf, and none twice", () =>
  withInstance(async (instance) => {
    const { api, database: { sql } } = instance;
    const feed = new LiveFeed(api);
    const load = new OrderLoad(api, 20);
    const known: { readonly at: number; readonly orders: number }[] = [];
    while (known.length < 40 || load.acknowledged.length < 1_000) {
      const orders = load.acknowledged.length;
      const [row] = await sql<{ now: Date }[]>`select clock_timestamp() as now`;
      known.push({ at: row!.now.getTime(), orders });
    }
    await load.stop();
    await feed.reaches((snapshot) => ordersIn(snapshot) === load.acknowledged.length);
    assertGreater(feed.frames.length, 3);
    for (const { snapshot } of feed.frames) {
      const asOf = Date.parse(snapshot.asOf);
      const least = known.filter(({ at }) => at < asOf).at(-1)?.orders ?? 0;
      const orders = snapshot.currencies[0]?.last60m.orders ?? 0;
      assert(orders >= least, `${orders} orders as of ${snapshot.asOf}, of ${least} before it`);
      assert(orders <= load.acknowledged.length);
      assertLess(asOf, Date.parse(snapshot.minute) + 60_000);
    }
    assertEquals(feed.wentBack(), null);
    feed.end();
  }));

Deno.test("subscribers are counted while they are connected, even those that vanish", () =>
  withInstance(async (instance) => {
    const feeds = [new LiveFeed(instance.api), new LiveFeed(instance.api, { storeId: "store-1" })];
    const stream = await EventStream.open(instance.url, "dashboard.live", { token: KEY });
    await until("three to be there", async () => await subscribersOf(instance) === 3);
    feeds.forEach((feed) => feed.end());
    await until("one to be left", async () => await subscribersOf(instance) === 1);
    await stream.close();
    await until("all to be gone", async () => await subscribersOf(instance) === 0);
  }));

async function subscribersOf({ api }: TestInstance): Promise<number> {
  return (await api.ops.status.query()).live.subscribers;
}
