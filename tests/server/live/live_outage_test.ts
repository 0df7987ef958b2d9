/** Live feeds while the database is away, or the instance itself. */
import { assert, assertEquals } from "@std/assert";
import type { Snapshot } from "../../../client/mod.ts";
import { createTestClient, KEY } from "../../support/services/instance.ts";
import { LiveFeed } from "../../support/load/live_feed.ts";
import { anInput } from "../../support/load/orders.ts";
import { withProxy } from "../../support/services/proxied_instance.ts";
import { withProcesses } from "../../support/services/service_process.ts";
import { until } from "../../support/services/services.ts";

function ordersIn({ currencies }: Snapshot): number {
  return currencies[0]?.today.orders ?? 0;
}

/** A kept snapshot ends with its minute, so the test must not begin at a minute's end. */
async function awayFromTheMinutesEnd(): Promise<void> {
  await until("the next minute", () => new Date().getUTCSeconds() < 50);
}

Deno.test("a dashboard shows the last snapshot, stale, while the database is away, and then goes on", () =>
  withProxy(async ({ api }, proxy) => {
    await api.orders.placeMany.mutate({ orders: [anInput(), anInput({ storeId: "store-2" })] });
    const watched = new LiveFeed(api);
    await watched.reaches((snapshot) => ordersIn(snapshot) === 2);
    await awayFromTheMinutesEnd();
    await api.dashboard.snapshot.query({ storeId: "store-2" }); // this keeps the snapshot in Redis
    proxy.cut();
    const late = new LiveFeed(api, { storeId: "store-2" });
    const kept = await late.reaches(() => true, "the kept snapshot");
    assertEquals([kept.snapshot.source, ordersIn(kept.snapshot)], ["cache", 1]);
    const another = new LiveFeed(api);
    const fromMemory = await another.reaches(() => true, "the frame in memory");
    assertEquals([fromMemory.snapshot.source, ordersIn(fromMemory.snapshot)], ["live", 2]);
    const stale = await watched.reaches((snapshot) => snapshot.stale, "a stale frame");
    assert(stale.snapshot.ageMs >= 4_000, `${stale.snapshot.ageMs} ms old`);
    assertEquals(ordersIn(stale.snapshot), 2);
    const now = await api.dashboard.snapshot.query({});
    assertEquals([now.stale, now.source, ordersIn(now)], [true, "live", 2]);

    await proxy.mend();
    await watched.reaches((snapshot) => !snapshot.stale, "a fresh frame");
    await until(
      "an order to be taken",
      () => api.orders.place.mutate(anInput({ storeId: "store-2" })).then(() => true, () => false),
    );
    await watched.reaches((snapshot) => ordersIn(snapshot) === 3);
    await late.reaches((snapshot) => ordersIn(snapshot) === 2);
    for (const feed of [watched, late, another]) {
      assertEquals([feed.wentBack(), feed.errors], [null, []]);
      feed.end();
    }
  }));

Deno.test("a feed goes on by itself after its instance was killed and started again", () =>
  withProcesses(async ({ start }) => {
    const [first, other] = await Promise.all([start(), start()]);
    const client = createTestClient(first.url, KEY);
    const elsewhere = createTestClient(other.url, KEY);
    const feed = new LiveFeed(client.api);
    await client.api.orders.place.mutate(anInput());
    await feed.reaches((snapshot) => ordersIn(snapshot) === 1);
    await first.kill();
    await elsewhere.api.orders.placeMany.mutate({ orders: [anInput(), anInput()] });
    await start({ PORT: new URL(first.url).port });
    await feed.reaches((snapshot) => ordersIn(snapshot) === 3);
    await elsewhere.api.orders.place.mutate(anInput());
    await feed.reaches((snapshot) => ordersIn(snapshot) === 4);
    assertEquals(feed.wentBack(), null);
    feed.end();
    await Promise.all([client.close(), elsewhere.close()]);
  }));
