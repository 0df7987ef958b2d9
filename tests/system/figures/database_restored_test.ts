/**
 * The database is put back to an earlier point by a copy of its files, under running instances. The
 * copy has the same identity and timeline, and nothing in it tells that the database was further.
 */
import { assert, assertEquals, assertGreater } from "@std/assert";
import { type FaultRun, isReady, report, withFaults } from "../../support/faults/fault_run.ts";
import { createTestClient, KEY } from "../../support/services/instance.ts";
import { LiveFeed, ordersOf } from "../../support/load/live_feed.ts";
import { anInput } from "../../support/load/orders.ts";
import { expectExact } from "../../support/recount/recount.ts";
import { temporaryFolder, until } from "../../support/services/services.ts";

const STORES = ["north", "south"];

async function cp(from: string, to: string): Promise<void> {
  const { success } = await new Deno.Command("cp", { args: ["-a", from, to] }).output();
  if (!success) throw new Error(`cp -a ${from} ${to} failed`);
}

/** Starts two instances, and a subscriber of each scope on each of them. */
async function watched(run: FaultRun) {
  const urls = [await run.instance(), await run.instance()].map(({ url }) => url);
  const clients = urls.map((url) => createTestClient(url, KEY));
  const feeds = clients.flatMap(({ api }) => [
    new LiveFeed(api),
    ...STORES.map((storeId) => new LiveFeed(api, { storeId })),
  ]);
  const place = async (count: number) => {
    for (let placed = 0; placed < count; placed += 10) {
      const orders = Array.from(
        { length: 10 },
        (_, index) => anInput({ storeId: STORES[index % 2]!, currency: index < 7 ? "EUR" : "USD" }),
      );
      const { results } = await clients[placed / 10 % 2]!.api.orders.placeMany.mutate({ orders });
      assert(results.every((result) => result.ok && result.status === "committed"));
    }
  };
  /** Resolves when every subscriber shows what the database has. */
  const upToDate = async () => {
    await until(
      "the journal to be folded",
      () => run.ask(async (sql) => (await sql`select from journal`).length === 0),
    );
    const all = await run.ask(async (sql) => (await sql`select from orders`).length);
    for (const [index, feed] of feeds.entries()) {
      const wanted = index % (STORES.length + 1) === 0 ? all : all / STORES.length;
      await feed.reaches((snapshot) => ordersOf(snapshot) === wanted, `${wanted} orders`);
    }
    await run.ask(expectExact);
  };
  const ready = async () => {
    for (const url of urls) await until("orders to be taken", () => isReady(url));
  };
  const close = async () => {
    for (const feed of feeds) feed.end();
    await Promise.all(clients.map((client) => client.close()));
  };
  return { feeds, place, upToDate, ready, close };
}

Deno.test("a database restored from a copy of its files begins a new epoch, and no subscriber goes back within one", async () => {
  const folder = await temporaryFolder();
  try {
    await withFaults(async (run) => {
      const { feeds, place, upToDate, ready, close } = await watched(run);
      const data = `${folder}/postgres`;
      await place(40);
      await upToDate();
      await run.postgres.stop();
      await cp(data, `${folder}/copy`);
      await run.postgres.start();
      const epochs: number[] = [];
      for (const round of [1, 2, 3]) {
        // Each round gets further ahead of the copy. The next epoch uses the same versions again.
        await ready();
        await place(20 * round);
        await upToDate();
        epochs.push(feeds[0]!.newest!.snapshot.epoch);
        await run.postgres.kill();
        await Deno.remove(data, { recursive: true });
        await cp(`${folder}/copy`, data);
        await run.postgres.start();
        await upToDate();
        assertEquals(await run.ask(async (sql) => (await sql`select from orders`).length), 40);
      }
      epochs.push(feeds[0]!.newest!.snapshot.epoch);
      for (const [index, epoch] of epochs.slice(1).entries()) assertGreater(epoch, epochs[index]!);
      await ready();
      await place(10);
      await upToDate();
      for (const feed of feeds) assertEquals(feed.wentBack(), null);

      // A client that resumes from a frame of the lost database is shown the new one.
      const seen = feeds[0]!.frames.findLast(({ snapshot }) => snapshot.epoch === epochs[2])!;
      const client = createTestClient((await run.instance()).url, KEY);
      const late = new LiveFeed(client.api, { lastEventId: seen.id });
      const { snapshot } = await late.reaches((frame) => ordersOf(frame) === 50);
      assertEquals(snapshot.epoch, epochs[3]);
      late.end();
      await client.close();
      report("the database restored", { epochs, frames: feeds[0]!.frames.length });
      await close();
    }, { folder });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
