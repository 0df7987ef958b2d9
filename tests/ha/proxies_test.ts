/**
 * Two instances behind nginx, HAProxy and Caddy. Live figures come over WebSocket and as events of an HTTP
 * stream, outlive a quiet time that is longer than the proxies' usual 60 s, and go on when an instance
 * is killed.
 */
import { assertEquals, assertLess } from "@std/assert";
import { report, withFaults } from "../support/faults/fault_run.ts";
import { EventStream, type StreamEvent } from "../support/load/event_stream.ts";
import { LiveFeed } from "../support/load/live_feed.ts";
import { anInput } from "../support/load/orders.ts";
import { PROXIES } from "../support/programs/proxies.ts";
import { createTestClient, KEY } from "../support/services/instance.ts";
import { freePort } from "../support/services/server_process.ts";
import { until } from "../support/services/services.ts";

/** Longer than the time after which nginx, HAProxy and most balancers end a quiet connection. */
const QUIET_MS = 90_000;
/** A frame that was buffered on its way would come with the next one, or never. */
const AT_ONCE_MS = 3_000;

type Frame = { readonly currencies: readonly { readonly today: { readonly orders: number } }[] };

/** Keeps the events of a stream until it ends. */
function follow(stream: EventStream): { readonly frames: Frame[]; isOver: boolean } {
  const seen = { frames: [] as Frame[], isOver: false };
  const read = async () => {
    for (let event: StreamEvent | null; (event = await stream.next()) !== null;) {
      if (event.event === "" && event.data !== null) seen.frames.push(event.data as Frame);
    }
  };
  read().catch(() => undefined).finally(() => seen.isOver = true);
  return seen;
}

const ordersIn = (frame: Frame | undefined) =>
  frame?.currencies.reduce((sum, { today }) => sum + today.orders, 0) ?? 0;

type Start = typeof PROXIES[keyof typeof PROXIES];

function behind(name: string, start: Start): Promise<void> {
  return withFaults(async (run) => {
    const ports = [freePort(), freePort()];
    const instanceAt = (port: number) =>
      run.instance({ PORT: String(port), WEIR_TRUST_PROXY: "127.0.0.1" });
    const [one, two] = [await instanceAt(ports[0]!), await instanceAt(ports[1]!)];
    const proxy = await start({ ports });
    const client = createTestClient(proxy.url, KEY);
    try {
      const feed = new LiveFeed(client.api);
      const stream = follow(await EventStream.open(proxy.url, "dashboard.live", { token: KEY }));
      let placed = 0;
      /** As a caller does it: the same order again until it is taken. */
      const place = async () => {
        const order = anInput();
        await until(
          "an order to be taken",
          () => client.api.orders.place.mutate(order).then(() => true, () => false),
        );
        placed++;
      };
      const delays: number[] = [];
      const expectFrames = async (when: string) => {
        const placedAt = performance.now();
        await place();
        const shown = () => ordersIn(feed.newest?.snapshot) === placed;
        await until(`a frame ${when}, by WebSocket behind ${name}`, shown);
        const told = () => stream.isOver || ordersIn(stream.frames.at(-1)) === placed;
        await until(`an event ${when}, behind ${name}`, told);
        delays.push(Math.round(performance.now() - placedAt));
      };
      for (let count = 0; count < 3; count++) await expectFrames("at the beginning");
      await new Promise((resolve) => setTimeout(resolve, QUIET_MS)); // nobody orders
      await expectFrames("after the quiet time");
      assertEquals([feed.errors.length, stream.isOver], [0, false], `${name} lost a connection`);
      assertLess(Math.max(...delays), AT_ONCE_MS, "ms from an order to its frames");

      const showAll = () => feed.reaches((snapshot) => ordersIn(snapshot) === placed);
      await one.kill();
      for (let count = 0; count < 20; count++) await place();
      await showAll();
      await instanceAt(ports[0]!);
      await two.kill();
      await place();
      await showAll();
      assertEquals(feed.wentBack(), null);
      report(`behind ${name}`, { delays, reconnects: feed.errors.length });
      feed.end();
    } finally {
      await client.close();
      await proxy.dispose();
    }
  });
}

Deno.test("nginx, HAProxy and Caddy pass live figures on at once, through 90 quiet seconds and the loss of an instance", async () => {
  // All at the same time: each of them waits most of its time.
  await Promise.all(Object.entries(PROXIES).map(([name, start]) => behind(name, start)));
});
