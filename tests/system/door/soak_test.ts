/**
 * Everything at once, for a minute: the attacks of this folder, mixed from a seed, beside a shop's
 * orders and fifty dashboards. No order of the shop is refused, its figures stay young, and
 * afterwards everything works without a restart.
 */
import { assertEquals, assertLessOrEqual } from "@std/assert";
import type { WeirClient } from "../../../client/mod.ts";
import { createApiKey } from "../../../sql/api_keys.ts";
import { Hostile } from "../../support/attacks/hostile.ts";
import { testSeed } from "../../support/faults/fault_load.ts";
import { type FaultRun, report, statusOf, withFaults } from "../../support/faults/fault_run.ts";
import { memoryGoesBack, mostResidentMiB } from "../../support/faults/memory.ts";
import { Gentle } from "../../support/load/gentle.ts";
import { LiveFeed } from "../../support/load/live_feed.ts";
import { anInput } from "../../support/load/orders.ts";
import { Random } from "../../support/load/random.ts";
import { RawSocket } from "../../support/load/raw_calls.ts";
import { expectExact } from "../../support/recount/recount.ts";
import { createTestClient, KEY } from "../../support/services/instance.ts";
import { until } from "../../support/services/services.ts";
import { openTestPool } from "../../support/services/test_pool.ts";

const ORDERS_PER_SECOND = 100;
const SECONDS = 60;
const DASHBOARDS = 50;
const CALLERS = 4;
const PAUSE_MS = 250;
const MOST_AGE_MS = 2_000;
const MOST_GROWN_MIB = 200;

/** Dashboards whose frames nobody parses: that would cost the service its processor. */
async function openViewers(url: string): Promise<readonly RawSocket[]> {
  const viewers = await Promise.all(
    Array.from({ length: DASHBOARDS }, () => RawSocket.open(url, KEY)),
  );
  for (const { socket } of viewers) {
    socket.removeAllListeners("message");
    socket.send('{"id":1,"method":"subscription","params":{"path":"dashboard.live","input":{}}}');
  }
  return viewers;
}

/** Every kind of shot was fired, and those that place orders have placed some. */
async function expectAttacked(run: FaultRun, hostile: Hostile): Promise<void> {
  assertEquals(Object.keys(hostile.fired).length, hostile.kinds);
  const stores = await run.ask((sql) =>
    sql<{ store_id: string }[]>`select distinct store_id from orders order by 1`
  );
  assertEquals(stores.map((row) => row.store_id), ["all", "flood", "gentle", "wide"]);
}

/** Orders are placed and read without a restart. */
async function expectWorking({ api }: WeirClient, url: string): Promise<void> {
  const { orderId } = await api.orders.place.mutate(anInput({ storeId: "after" }));
  const order = await api.orders.get.query({ storeId: "after", orderId });
  assertEquals([order.orderId, (await statusOf(url)).writer.circuit], [orderId, "closed"]);
}

Deno.test("a minute of mixed attacks: no order of the shop is refused, and every figure stays exact and young", () =>
  withFaults(async (run) => {
    const service = await run.instance();
    const { url } = service;
    const pool = openTestPool(run.postgres.url);
    const scopes = ["orders:write", "orders:read", "dashboard:read"] as const;
    const { token } = await createApiKey(pool, { label: "hostile", scopes: [...scopes] });
    await pool.end();
    const client = createTestClient(url, KEY);
    await using gentle = await Gentle.start({ url, token: KEY, ratePerSecond: ORDERS_PER_SECOND });
    const feed = new LiveFeed(client.api, { storeId: "gentle" });
    await feed.reaches(({ currencies }) => currencies.length > 0);
    const viewers = await openViewers(url);
    const watching = async () => (await statusOf(url)).live.subscribers;
    await until("every dashboard to be there", async () => await watching() === DASHBOARDS + 1);
    // A process needs a minute to grow to the size that it has under this load without any attack.
    let quiet = await gentle.quiet(1);
    const before = await mostResidentMiB(service, async () => {
      quiet = await gentle.quiet(SECONDS * ORDERS_PER_SECOND);
    });

    const seed = testSeed();
    const hostile = new Hostile({ url, token }, new Random(seed));
    let [isOver, oldestMs, underFire] = [false, 0, quiet];
    let wentBack = feed.wentBack();
    const looking = setInterval(() => {
      oldestMs = Math.max(oldestMs, Date.now() - Date.parse(feed.newest!.snapshot.asOf));
      wentBack ??= feed.wentBack();
      feed.frames.splice(0, feed.frames.length - 1);
    }, 20);
    const most = await mostResidentMiB(service, async () => {
      underFire = await gentle.during(async (answered) => {
        const firing = Promise.all(
          Array.from({ length: CALLERS }, () => hostile.fire(() => isOver, PAUSE_MS)),
        );
        await answered(SECONDS * ORDERS_PER_SECOND);
        isOver = true;
        await firing;
      });
    });
    clearInterval(looking);
    hostile[Symbol.dispose]();
    const gone = viewers.filter(({ closed }) => closed).length;
    report("a minute of all attacks", {
      seed,
      quiet,
      underFire,
      fired: hostile.fired,
      oldestMs,
      memoryMiB: [before, most],
      gone,
    });
    assertEquals(underFire.refusals, {});
    assertLessOrEqual(oldestMs, MOST_AGE_MS, "ms");
    assertLessOrEqual(most, before + MOST_GROWN_MIB, "MiB");
    assertEquals([gone, feed.errors], [0, []], "nobody lost a dashboard");
    assertEquals(await watching(), DASHBOARDS + 1);
    await expectAttacked(run, hostile);

    await expectWorking(client, url);
    const folded = async () => (await run.ask((sql) => sql`select from journal`)).length === 0;
    await gentle[Symbol.asyncDispose]();
    await until("the journal to be folded", folded, 120_000);
    await run.ask(expectExact);
    assertEquals(wentBack ?? feed.wentBack(), null);
    await memoryGoesBack(service, before);
    feed.end();
    await Promise.all(viewers.map((viewer) => viewer.close()));
    await client.close();
  }));
