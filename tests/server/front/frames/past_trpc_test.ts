/** The frames of live dashboards go past tRPC, whatever the message looks like that asks for them. */
import { assertEquals } from "@std/assert";
import { WebSocket } from "ws";
import { RawSocket } from "../../../support/load/raw_calls.ts";
import { KEY, withInstance } from "../../../support/services/instance.ts";

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
