/** The client without a WebSocket class, and with a key as a file or a variable gives it. */
import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { WebSocket } from "ws";
import { createWeirClient, errorDataOf, memoryStore, WeirError } from "../../client/mod.ts";
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

Deno.test("a client without WebSocket makes every call, and subscribes by an event stream", () =>
  withInstance(async ({ url }) => {
    await withoutWebSocket(async () => {
      const weir = createWeirClient({ url, token: KEY });
      const { status } = await weir.api.orders.place.mutate(anInput());
      assertEquals(status, "committed");
      assertEquals((await weir.api.whoami.query()).name, "development");
      let frames = 0;
      const stream = weir.api.dashboard.live.subscribe({}, { onData: () => void frames++ });
      await until("a frame", () => frames > 0);
      stream.unsubscribe();
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

Deno.test("a client at a wrong address says where nobody answers as Weir does", () =>
  withInstance(async ({ url }) => {
    const page = Deno.serve(
      { port: 0, hostname: "127.0.0.1", onListen: () => undefined },
      () => new Response("<html>", { status: 502, headers: { "content-type": "text/html" } }),
    );
    const other = `http://127.0.0.1:${page.addr.port}`;
    const wrong = [[other, `${other}/trpc: HTTP 502, text/html`], [
      `${url}/shop`,
      `${url}/shop/trpc: HTTP 405, text/plain`,
    ]] as const;
    for (const [address, words] of wrong) {
      const weir = createWeirClient({ url: address, token: KEY });
      const error = await assertRejects(() => weir.api.orders.place.mutate(anInput()), Error);
      assertEquals(error.message.startsWith(`no answer of Weir at ${words}`), true, error.message);
      assertEquals(errorDataOf(error), null, "the order may be sent again with its key");
    }
    await page.shutdown();
  }));

Deno.test("a client without a key is refused where it is made", () => {
  const unset: Record<string, string> = {};
  for (const token of ["", " \n", unset["WEIR_KEY"]!]) {
    assertThrows(() => createWeirClient({ url: "http://127.0.0.1:1", token }), TypeError);
  }
});

Deno.test("the same scope is one subscription, and closing the client ends all it has begun", () =>
  withInstance(async ({ url }) => {
    const weir = createWeirClient({ url, token: KEY, WebSocket });
    assertEquals(weir.live(), weir.live({}));
    assertEquals(weir.live({ storeId: "berlin" }) === weir.live(), false);
    const seen: string[] = [];
    const iterating = (async () => {
      for await (const { status } of weir.live({ storeId: "berlin" })) seen.push(status);
    })();
    await until("live figures", () => seen.at(-1) === "live");
    const outbox = await weir.openOutbox({ store: memoryStore() });
    const { orderId } = await outbox.add(anInput({ storeId: "berlin" }));
    assertEquals((await outbox.settled(orderId)).state, "committed");
    await outbox.close();
    await weir.close();
    await iterating;
    await assertRejects(() => weir.orders.place(anInput()), WeirError, "closed");
  }));
