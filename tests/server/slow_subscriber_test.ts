/** Subscribers who do not read, and subscribers who are gone without a word. */
import { assert, assertEquals, assertGreater, assertLess } from "@std/assert";
import currencies from "currency-codes";
import { type InstanceTest, KEY, withInstance } from "../support/instance.ts";
import { LiveFeed } from "../support/live_feed.ts";
import { anInput } from "../support/orders.ts";
import { RawSocket, request, type SocketMessage } from "../support/raw_calls.ts";
import { until } from "../support/services.ts";

const ROUNDS = 40;

/** The currencies of the library that the service knows too: many of them make a large frame. */
const CODES = currencies.codes().slice(0, 150);

async function metric({ url }: InstanceTest, name: string): Promise<number> {
  const { text } = await request(`${url}/metrics`);
  return Number(new RegExp(`^${name} (\\S+)$`, "m").exec(text)?.[1] ?? NaN);
}

/** Places an order in each currency, so that each frame is of most of a megabyte. */
async function makeFramesLarge({ api }: InstanceTest): Promise<void> {
  const { results } = await api.orders.placeMany.mutate({
    orders: CODES.map((currency) => anInput({ currency })),
  });
  assert(results.every(({ ok }) => ok));
}

interface Frame {
  readonly snapshot: { readonly version: number };
  readonly id: string;
}

function frameOf({ result }: SocketMessage): Frame | null {
  if (result?.type !== "data") return null;
  const { id, data } = result.data as { id: string; data: Frame["snapshot"] };
  return { id, snapshot: data };
}

Deno.test("who does not read skips to the newest frame, and slows nobody else down", () =>
  withInstance(async (instance) => {
    await makeFramesLarge(instance);
    const quick = new LiveFeed(instance.api);
    await quick.reaches(({ currencies }) => currencies.length === CODES.length);
    const slow = await RawSocket.open(instance.url, KEY);
    slow.subscribe("dashboard.live", {});
    await slow.next((message) => frameOf(message) !== null);
    slow.socket.pause();
    for (let round = 0; round < ROUNDS; round++) {
      const { version } = quick.newest!.snapshot;
      await instance.api.orders.place.mutate(anInput());
      await quick.reaches((snapshot) => snapshot.version > version);
    }
    const newest = quick.newest!;
    assertGreater(await metric(instance, "weir_live_skipped_frames_total"), 0);
    slow.socket.resume();
    await slow.next((message) => frameOf(message)?.id === newest.id);
    const versions = slow.messages.flatMap((message) => frameOf(message)?.snapshot.version ?? []);
    assertEquals(versions, versions.toSorted((a, b) => a - b));
    assertLess(versions.length, ROUNDS);
    assertEquals([quick.wentBack(), quick.errors], [null, []]);
    quick.end();
    await slow.close();
    await until(
      "both to be gone",
      async () => await metric(instance, "weir_live_subscribers") === 0,
    );
  }));

Deno.test("who vanishes without a word is no subscriber any more", () =>
  withInstance(async (instance) => {
    const sockets = await Promise.all(
      Array.from({ length: 10 }, () => RawSocket.open(instance.url, KEY)),
    );
    for (const socket of sockets) {
      const id = socket.subscribe("dashboard.live", {});
      await socket.next((message) => message.id === id && frameOf(message) !== null);
    }
    assertEquals(await metric(instance, "weir_live_subscribers"), 10);
    sockets.forEach(({ socket }) => socket.terminate());
    await until(
      "nobody to be left",
      async () => await metric(instance, "weir_live_subscribers") === 0,
    );
    await Promise.all(sockets.map((socket) => socket.ended()));
    assertEquals((await instance.api.orders.place.mutate(anInput())).status, "committed");
  }));
