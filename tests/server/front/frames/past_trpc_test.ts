/** The frames of live dashboards go past tRPC, whatever the message looks like that asks for them. */
import { assertEquals, assertLess } from "@std/assert";
import { WebSocket } from "ws";
import { StreamedFeed } from "../../../support/load/live_feed.ts";
import { anInput } from "../../../support/load/orders.ts";
import { RawSocket } from "../../../support/load/raw_calls.ts";
import { KEY, withInstance } from "../../../support/services/instance.ts";
import { until } from "../../../support/services/services.ts";

/** Counts the frames with figures that `ws` is asked to send while `work` runs. */
async function sentByWs(work: () => Promise<void>): Promise<number> {
  const { send } = WebSocket.prototype;
  let frames = 0;
  WebSocket.prototype.send = function (this: WebSocket, ...args: Parameters<typeof send>) {
    if (String(args[0]).includes('"currencies":')) frames++;
    return send.apply(this, args);
  } as typeof send;
  try {
    await work();
  } finally {
    WebSocket.prototype.send = send;
  }
  return frames;
}

const SUBSCRIBERS = 10;

/** Counts the whole frames that are written as JSON while `work` runs. */
async function writtenWhole(work: () => Promise<void>): Promise<number> {
  const { stringify } = JSON;
  let frames = 0;
  JSON.stringify = function (...args: Parameters<typeof stringify>) {
    const value = args[0] as { readonly currencies?: unknown } | null | undefined;
    if (Array.isArray(value?.currencies)) frames++;
    return stringify(...args);
  } as typeof stringify;
  try {
    await work();
  } finally {
    JSON.stringify = stringify;
  }
  return frames;
}

const live = (id: number, parts: object = {}, params: object = {}) => ({
  id,
  method: "subscription",
  params: { path: "dashboard.live", ...params },
  ...parts,
});

Deno.test("live frames are written past tRPC and ws, also in a batch and after a resume", () =>
  withInstance(async ({ url }) => {
    const messages = [
      live(1),
      live(2, {}, { input: {} }),
      live(3, {}, { input: { storeId: "a" } }),
      live(4, {}, { input: {}, lastEventId: "1:0" }),
      live(5, {}, { lastEventId: "1:0" }),
      live(6, {}, { path: "dashboard.livePatches" }),
    ];
    const frames = await sentByWs(async () => {
      for (const sent of [messages, [messages]]) {
        const socket = await RawSocket.open(url, KEY);
        for (const message of sent) socket.send(message);
        for (const { id } of messages) {
          await socket.next((one) => one.id === id && one.result?.type === "data");
        }
        await socket.close();
      }
    });
    assertEquals(frames, 0);
  }));

Deno.test("a message of JSON-RPC 2.0 has its frames by tRPC, which answers in kind", () =>
  withInstance(async ({ url }) => {
    const frames = await sentByWs(async () => {
      const socket = await RawSocket.open(url, KEY);
      socket.send(live(1, { jsonrpc: "2.0" }));
      await socket.next(({ result }) => result?.type === "data");
      await socket.close();
    });
    assertEquals(frames, 1);
  }));

Deno.test("live frames are written past tRPC over server-sent events too, in their order", () =>
  withInstance(async ({ url, api }) => {
    const seen = Array.from({ length: SUBSCRIBERS }, (): string[] => []);
    const frames = await writtenWhole(async () => {
      const feeds = seen.map((ids) => new StreamedFeed(url, {}, (id) => ids.push(id)));
      await until("the first frames", () => seen.every((ids) => ids.length > 0));
      await api.orders.place.mutate(anInput());
      await until("the frames with the order", () => seen.every((ids) => ids.length > 1));
      await Promise.all(feeds.map((feed) => feed.end()));
    });
    assertLess(frames, SUBSCRIBERS, "the kept snapshots are whole, one for each version");
    for (const ids of seen) {
      const versions = ids.map((id) => Number(id.split(":")[1]));
      assertEquals(versions, versions.toSorted((a, b) => a - b));
    }
  }));
