/**
 * Subscribers that do not read: their cost, their first frame when they read again, and their end.
 *
 * The operating system keeps a few megabytes for each connection. The test must therefore send many
 * large frames before the server notices that a subscriber does not read.
 */
import { assert, assertEquals, assertGreater, assertLess, assertLessOrEqual } from "@std/assert";
import { KEY, withInstance } from "../../support/services/instance.ts";
import {
  everyoneIsGone,
  fill,
  makeFramesLarge,
  metric,
  Quick,
  subscribers,
  unreadBytes,
} from "../../support/load/large/frames.ts";
import { anInput } from "../../support/load/orders.ts";
import { RawSocket, type SocketMessage } from "../../support/load/raw_calls.ts";
import { until } from "../../support/services/services.ts";
import { SLOW_READERS, type SlowReader } from "../../support/load/slow_reader.ts";

const MEBIBYTE = 1_048_576;
/** The least that counts as unread. Less may be unread by chance. */
const SLICE_BYTES = 65_536;
const ROUNDS = 40;
const CLIENT_TIMEOUT_MS = 2_000;
/** The timeout for clients that must stay: several times the longest pause of a busy machine. */
const LONG_PATIENCE_MS = 5_000;

function expectForward(ids: readonly string[]): void {
  const versions = ids.map((id) => Number(id.split(":")[1]));
  assertEquals(versions, versions.toSorted((a, b) => a - b));
}

for (const [transport, open] of Object.entries(SLOW_READERS)) {
  Deno.test(`over ${transport}, a client that does not read costs 1 MiB at most and skips to the newest`, () =>
    withInstance(async (instance) => {
      await makeFramesLarge(instance);
      const quick = new Quick(instance);
      await quick.begins();
      const slow = await open(instance.url);
      slow.pause();
      let mostBytes = 0;
      let newest = "";
      for (let round = 0; round < ROUNDS; round++) {
        newest = await quick.round();
        mostBytes = Math.max(mostBytes, await unreadBytes(instance));
      }
      // The system may have taken nearly all of the frame that waits.
      assertGreater(await unreadBytes(instance), 0, "the client does not read");
      assertLessOrEqual(mostBytes, MEBIBYTE);
      assertGreater(await metric(instance, "weir_live_skipped_frames_total"), 0);
      assertLess(quick.slowestMs, 5_000);
      slow.resume();
      await until("the newest frame", () => slow.ids().at(-1) === newest);
      expectForward(slow.ids());
      assertLess(slow.ids().length, ROUNDS);
      assertEquals(await unreadBytes(instance), 0);
      quick.end();
      await slow.close();
      await everyoneIsGone(instance);
    }));

  Deno.test(`over ${transport}, a client that reads nothing is cut, also when nothing is sent`, () =>
    withInstance(async (instance) => {
      await makeFramesLarge(instance);
      const quick = new Quick(instance);
      await quick.begins();
      const slow = await open(instance.url);
      slow.pause();
      await fill(instance, quick);
      await until("one to be left", async () => await subscribers(instance) === 1);
      assertEquals(await unreadBytes(instance), 0, "nothing is kept for it");
      // When the client reads again, it finds the frames that were sent, and the end.
      slow.resume();
      await until("the end of the connection", () => slow.closed);
      await quick.round();
      quick.end();
      await everyoneIsGone(instance);
    }, { clientTimeoutMs: CLIENT_TIMEOUT_MS }));

  Deno.test(`over ${transport}, a client that reads slowly stays`, () =>
    withInstance(async (instance) => {
      await makeFramesLarge(instance);
      const quick = new Quick(instance);
      await quick.begins();
      const slow = await open(instance.url);
      slow.pause();
      await fill(instance, quick);
      for (let part = 0; part < 5; part++) {
        await takesSomething(slow);
        for (let round = 0; round < 2; round++) await quick.round(); // as much as the client read
        await new Promise((resolve) => setTimeout(resolve, LONG_PATIENCE_MS / 4));
      }
      assertEquals([slow.closed, await subscribers(instance)], [false, 2]);
      slow.resume();
      const newest = await quick.round();
      await until("the newest frame", () => slow.ids().at(-1) === newest);
      quick.end();
      await slow.close();
      await everyoneIsGone(instance);
    }, { clientTimeoutMs: LONG_PATIENCE_MS }));
}

/** Reads about one frame, so that the server can send more. */
async function takesSomething(slow: SlowReader): Promise<void> {
  const before = slow.receivedBytes();
  slow.resume();
  await until("a part of it", () => slow.closed || slow.receivedBytes() > before + 2 * SLICE_BYTES);
  slow.pause();
  assert(!slow.closed);
}

Deno.test("many subscriptions over one connection cost no more than one", () =>
  withInstance(async (instance) => {
    await makeFramesLarge(instance);
    const quick = new Quick(instance);
    await quick.begins();
    const slow = await RawSocket.open(instance.url, KEY);
    const ids = Array.from({ length: 30 }, () => slow.subscribe("dashboard.live", {}));
    const seenBy = (id: number) =>
      slow.messages.findLast((message) => message.id === id && isFrame(message))?.result?.id;
    await until("a frame for each", () => ids.every((id) => seenBy(id) !== undefined));
    slow.socket.pause();
    let newest = "";
    let mostBytes = 0;
    for (let round = 0; round < ROUNDS; round++) {
      newest = await quick.round();
      mostBytes = Math.max(mostBytes, await unreadBytes(instance));
    }
    assertGreater(mostBytes, SLICE_BYTES);
    assertLessOrEqual(mostBytes, MEBIBYTE);
    slow.socket.resume();
    await until("the newest frame for each", () => ids.every((id) => seenBy(id) === newest));
    quick.end();
    await slow.close();
    await everyoneIsGone(instance);
  }));

Deno.test("fifty clients that do not read cost a frame each, however much is sent", () =>
  withInstance(async (instance) => {
    await makeFramesLarge(instance);
    const quick = new Quick(instance);
    await quick.begins();
    const slow: SlowReader[] = [];
    for (let count = 0; count < 25; count++) {
      for (const open of Object.values(SLOW_READERS)) {
        const reader = await open(instance.url);
        reader.pause();
        slow.push(reader);
      }
    }
    await fill(instance, quick, slow.length);
    const { rss } = Deno.memoryUsage();
    for (let round = 0; round < ROUNDS; round++) await quick.round();
    assertLessOrEqual(await unreadBytes(instance), slow.length * MEBIBYTE);
    // If each subscriber kept the frames of these rounds, they would take 1.5 GB.
    assertLess(Deno.memoryUsage().rss - rss, 300 * MEBIBYTE);
    assertLess(quick.slowestMs, 5_000);
    quick.end();
    await Promise.all(slow.map((reader) => reader.close()));
    await everyoneIsGone(instance);
  }));

function isFrame({ result }: SocketMessage): boolean {
  return result?.type === "data";
}

Deno.test("a client that vanishes without a word is no subscriber any more", () =>
  withInstance(async (instance) => {
    const sockets = await Promise.all(
      Array.from({ length: 10 }, () => RawSocket.open(instance.url, KEY)),
    );
    for (const socket of sockets) {
      const id = socket.subscribe("dashboard.live", {});
      await socket.next((message) => message.id === id && isFrame(message));
    }
    assertEquals(await subscribers(instance), 10);
    sockets.forEach(({ socket }) => socket.terminate());
    await everyoneIsGone(instance);
    await Promise.all(sockets.map((socket) => socket.ended()));
    assertEquals((await instance.api.orders.place.mutate(anInput())).status, "committed");
  }));
