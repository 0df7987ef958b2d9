/**
 * One order in each currency, and a hundred dashboards of all stores. The frames stay bounded, and
 * the orders of another caller are as quick as before.
 */
import { assert, assertEquals, assertLessOrEqual } from "@std/assert";
import currencyCodes from "currency-codes";
import { MAX_FRAME_BYTES } from "../../../server/live/snapshot.ts";
import { report, withFaults } from "../../support/faults/fault_run.ts";
import { memoryGoesBack, mostResidentMiB, residentMiB } from "../../support/faults/memory.ts";
import { expectGentle, Gentle } from "../../support/load/gentle.ts";
import { LiveFeed } from "../../support/load/live_feed.ts";
import { anInput } from "../../support/load/orders.ts";
import { RawSocket } from "../../support/load/raw_calls.ts";
import { createTestClient, KEY } from "../../support/services/instance.ts";
import { until } from "../../support/services/services.ts";

const DASHBOARDS = 100;
const MOST_AGE_MS = 2_000;
const MOST_GROWTH_MIB = 200;

Deno.test("an order in each currency leaves the frames bounded, and costs others nothing", () =>
  withFaults(async (run) => {
    const service = await run.instance();
    const client = createTestClient(service.url, KEY);
    await using gentle = await Gentle.start({ url: service.url, token: KEY });
    const quiet = await gentle.quiet();
    const before = await residentMiB(service);
    const orders = currencyCodes.codes().map((currency) => anInput({ currency }));
    const { results } = await client.api.orders.placeMany.mutate({ orders });
    assert(results.every(({ ok }) => ok));
    const isWhole = ({ currencies }: { currencies: readonly unknown[] }) =>
      currencies.length === orders.length;
    const feed = new LiveFeed(client.api, {});
    const { snapshot } = await feed.reaches(isWhole, "a frame with every currency");
    const bytes = new TextEncoder().encode(JSON.stringify(snapshot)).length;
    assertLessOrEqual(bytes, MAX_FRAME_BYTES);
    // The frames of these sockets are not parsed: the test shares the processor with the service.
    const sockets = await Promise.all(
      Array.from({ length: DASHBOARDS }, () => RawSocket.open(service.url, KEY)),
    );
    let frames = 0;
    for (const { socket } of sockets) {
      socket.removeAllListeners("message");
      socket.on("message", () => frames++);
      socket.send('{"id":1,"method":"subscription","params":{"path":"dashboard.live","input":{}}}');
    }
    await until("each dashboard to have a frame", () => frames >= 2 * DASHBOARDS);
    let oldestMs = 0;
    const looking = setInterval(() => {
      const age = Date.now() - Date.parse(feed.newest!.snapshot.asOf);
      oldestMs = Math.max(oldestMs, age);
    }, 20);
    let underFire = quiet;
    const most = await mostResidentMiB(service, async () => {
      underFire = await gentle.during((answered) => answered(200));
    });
    clearInterval(looking);
    const memoryMiB = [before, most];
    report("an order in each currency", { quiet, underFire, bytes, frames, oldestMs, memoryMiB });
    assertLessOrEqual(most - before, MOST_GROWTH_MIB, "MiB");
    assertEquals(sockets.filter(({ closed }) => closed).length, 0);
    assertLessOrEqual(oldestMs, Math.max(MOST_AGE_MS, 3 * quiet.maxMs), "ms");
    expectGentle(quiet, underFire);
    feed.end();
    await Promise.all(sockets.map((socket) => socket.close()));
    await client.close();
    await memoryGoesBack(service, before);
  }));
