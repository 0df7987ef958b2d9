/** The client without a WebSocket class, and with a key as a file or a variable gives it. */
import { assertEquals, assertThrows } from "@std/assert";
import { WebSocket } from "ws";
import { createWeirClient } from "../../client/mod.ts";
import { startPathProxy } from "../support/faults/path_proxy.ts";
import { anInput } from "../support/load/orders.ts";
import { KEY, withInstance } from "../support/services/instance.ts";
import { until } from "../support/services/services.ts";

/** Runs `work` as a runtime without a WebSocket of its own does. */
async function withoutWebSocket(work: () => Promise<void>): Promise<void> {
  const property = Object.getOwnPropertyDescriptor(globalThis, "WebSocket");
  if (property === undefined) throw new Error("this runtime has no WebSocket to take away");
  Reflect.deleteProperty(globalThis, "WebSocket");
  try {
    await work();
  } finally {
    Object.defineProperty(globalThis, "WebSocket", property);
  }
}

Deno.test("a client without WebSocket makes every call, and says what subscribing needs", () =>
  withInstance(async ({ url }) => {
    await withoutWebSocket(async () => {
      const weir = createWeirClient({ url, token: KEY });
      const { status } = await weir.api.orders.place.mutate(anInput());
      assertEquals(status, "committed");
      assertEquals((await weir.api.whoami.query()).name, "development");
      const subscribe = () => weir.api.dashboard.live.subscribe({}, {});
      const { message } = assertThrows(subscribe, TypeError);
      assertEquals(message.includes('"ws"') && message.includes("Node 22"), true, message);
      await weir.close();
    });
  }));

Deno.test("a client that was given a WebSocket class subscribes with it", () =>
  withInstance(async ({ url }) => {
    await withoutWebSocket(async () => {
      const weir = createWeirClient({ url, token: KEY, WebSocket });
      let frames = 0;
      weir.api.dashboard.live.subscribe({}, { onData: () => void frames++ });
      await until("a frame", () => frames > 0);
      await weir.close();
    });
  }));

Deno.test("a key with space around it is the key, for calls and for subscriptions", () =>
  withInstance(async ({ url }) => {
    const weir = createWeirClient({ url, token: ` ${KEY}\n`, WebSocket });
    assertEquals((await weir.api.whoami.query()).name, "development");
    let frames = 0;
    weir.api.dashboard.live.subscribe({}, { onData: () => void frames++ });
    await until("a frame", () => frames > 0);
    await weir.close();
  }));

Deno.test("a client reaches an instance below a path of a proxy, by calls and subscriptions", () =>
  withInstance(async ({ url }) => {
    const proxy = await startPathProxy(url, "/shops/weir");
    for (const address of [proxy.url, proxy.url.slice(0, -1), `${proxy.url}trpc`]) {
      const weir = createWeirClient({ url: address, token: KEY, WebSocket });
      assertEquals((await weir.api.orders.place.mutate(anInput())).status, "committed");
      let orders = 0;
      weir.api.dashboard.live.subscribe({}, {
        onData: ({ data }) => orders = data.currencies[0]?.today.orders ?? 0,
      });
      await until("the order on the dashboard", () => orders > 0);
      await weir.close();
    }
    await proxy.close();
  }));

Deno.test("a client without a key is refused where it is made", () => {
  const unset: Record<string, string> = {};
  for (const token of ["", " \n", unset["WEIR_KEY"]!]) {
    assertThrows(() => createWeirClient({ url: "http://127.0.0.1:1", token }), TypeError);
  }
});
