/** The ways of subscriptions: WebSocket, event stream, and the change from one to the other. */
import { assertEquals, assertMatch, assertRejects, assertThrows } from "@std/assert";
import { WebSocket } from "ws";
import { createWeirClient, PlaceError, type WeirClient, WeirError } from "../../../client/mod.ts";
import { createBrowserToken } from "../../../client/tokens.ts";
import { startHostileDoor } from "../../support/client/hostile_door.ts";
import { anInput } from "../../support/load/orders.ts";
import { type InstanceTest, KEY, withInstance } from "../../support/services/instance.ts";
import { until } from "../../support/services/services.ts";

/** Runs `test` behind a door that lets no WebSocket through. */
function withoutUpgrades(test: (instance: InstanceTest, url: string) => Promise<void>) {
  return withInstance(async (instance) => {
    const door = await startHostileDoor(() => instance.url);
    await test(instance, door.url).finally(door.close);
  });
}

/** Places orders until the dashboard shows them. */
async function seesOrders(weir: WeirClient, orders: number): Promise<void> {
  const live = weir.live();
  const end = live.subscribe(() => undefined);
  for (let one = 0; one < orders; one++) await weir.orders.place(anInput());
  await until(
    "the orders on the dashboard",
    () => live.getState().snapshot?.currencies[0]?.today.orders === orders,
  );
  assertEquals(live.getState().status, "live");
  end();
}

Deno.test("an event stream shows live figures, with the token of the moment", () =>
  withInstance(async ({ url, createKey }) => {
    const { token } = await createKey(["dashboard:read", "orders:write"]);
    const weir = createWeirClient({ url, token: () => token, subscribeBy: "events" });
    await seesOrders(weir, 3);
    await weir.close();
  }));

/** tRPC leaves the timer of its next try behind, 5 s at most, when a client is closed meanwhile. */
const LEAVES_TIMER = { sanitizeOps: false, sanitizeResources: false };

Deno.test(
  "a client whose sockets a proxy refuses takes event streams, by itself",
  LEAVES_TIMER,
  () =>
    withoutUpgrades(async (_, url) => {
      const weir = createWeirClient({ url, token: KEY, WebSocket });
      await seesOrders(weir, 2);
      // A later subscription does not try the socket again.
      let frames = 0;
      const stream = weir.api.dashboard.live.subscribe({}, { onData: () => void frames++ });
      await until("a frame", () => frames > 0);
      stream.unsubscribe();
      await weir.close();
    }),
);

Deno.test(
  "a client of a service that is down goes on trying its socket",
  LEAVES_TIMER,
  () =>
    withInstance(async (instance) => {
      const door = await startHostileDoor(() => instance.url);
      await door.close();
      const weir = createWeirClient({ url: door.url, token: KEY, WebSocket });
      const live = weir.live();
      const end = live.subscribe(() => undefined);
      await until("the failure", () => live.getState().error !== null);
      assertEquals(live.getState().status, "connecting");
      end();
      await weir.close();
    }),
);

Deno.test("a client that must use a WebSocket and has none says what to do", () => {
  const property = Object.getOwnPropertyDescriptor(globalThis, "WebSocket")!;
  Reflect.deleteProperty(globalThis, "WebSocket");
  try {
    const weir = createWeirClient({
      url: "http://127.0.0.1:1",
      token: KEY,
      subscribeBy: "websocket",
    });
    const subscribe = () => weir.api.dashboard.live.subscribe({}, {});
    const { message } = assertThrows(subscribe, TypeError);
    assertEquals(message.includes('"ws"') && message.includes("Node 22"), true, message);
  } finally {
    Object.defineProperty(globalThis, "WebSocket", property);
  }
});

/** A WebSocket that keeps what it sends. */
function watchedSocket(sent: string[]) {
  return class extends WebSocket {
    constructor(address: string) {
      super(address);
      const send = this.send.bind(this);
      this.send = (text: string) => {
        sent.push(text);
        send(text);
      };
    }
  };
}

Deno.test("an open connection gets another token before its own expires, also at a second try", () =>
  withInstance(async ({ url, createKey }) => {
    const { token: key } = await createKey(["dashboard:read"]);
    const sent: string[] = [];
    let asked = 0;
    const token = async () => {
      // The first one is renewed after four fifths of its life. Then the backend fails once.
      if (++asked === 2) throw new Error("the backend is restarting");
      const expiresInSeconds = asked === 1 ? 3 : 600;
      const procedures = ["dashboard.live"] as const;
      return (await createBrowserToken({ key, procedures, expiresInSeconds })).token;
    };
    const weir = createWeirClient({ url, token, WebSocket: watchedSocket(sent) });
    const live = weir.live();
    const statuses: string[] = [];
    const end = live.subscribe(({ status }) => statuses.push(status));
    await until("the renewal", () => sent.some((text) => text.includes('"renewToken"')));
    const { name } = await weir.api.whoami.query();
    assertEquals([asked, name], [3, "a test"]);
    assertEquals(new Set(statuses), new Set(["connecting", "live"]));
    end();
    await weir.close();
  }));

Deno.test("figures come back by a new connection when the token of the old one is refused", () =>
  withInstance(async ({ url, api, createKey, revokeKey }) => {
    const first = await createKey(["dashboard:read"]);
    const second = await createKey(["dashboard:read"]);
    let isRevoked = false;
    const token = () => isRevoked ? second.token : first.token;
    const weir = createWeirClient({ url, token, WebSocket });
    const live = weir.live();
    const end = live.subscribe(() => undefined);
    const isLive = () => live.getState().status === "live";
    await until("live figures", isLive);
    isRevoked = true;
    await revokeKey(first.keyId);
    await until("the end of the old subscription", async () => {
      await api.orders.place.mutate(anInput()); // a key is looked at with each frame
      return live.getState().error?.reason === "unauthenticated";
    });
    await until("live figures", isLive);
    end();
    await weir.close();
  }));

Deno.test("a client that was closed opens no connection again", () =>
  withInstance(async ({ url }) => {
    const weir = createWeirClient({ url, token: KEY, WebSocket });
    const live = weir.live();
    const end = live.subscribe(() => undefined);
    await until("live figures", () => live.getState().status === "live");
    end();
    await weir.close();
    assertThrows(() => weir.api.dashboard.live.subscribe({}, {}), WeirError, "closed");
  }));

Deno.test("a connection without a call is closed after a while", () =>
  withInstance(async ({ url }) => {
    const weir = createWeirClient({ url, token: KEY, WebSocket });
    const end = weir.live().subscribe(() => undefined);
    await until("live figures", () => weir.live().getState().status === "live");
    end();
    const metrics = async () => await (await fetch(`${url}/metrics`)).text();
    await until(
      "the subscription to end",
      async () => /^weir_live_subscribers 0$/m.test(await metrics()),
      30_000,
    );
    await until(
      "the connection to end",
      async () => /^weir_connections [01]$/m.test(await metrics()),
      30_000,
    );
    await weir.close();
  }));

Deno.test(
  "a failure names the address and the cause, and a lost one too",
  LEAVES_TIMER,
  async () => {
    const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const { port } = listener.addr;
    listener.close();
    const url = `http://127.0.0.1:${port}/weir`;
    const weir = createWeirClient({ url, token: KEY, WebSocket });
    const error = await assertRejects(
      () => weir.orders.place(anInput(), { deadlineMs: 200 }),
      PlaceError,
    );
    assertEquals(error.message.startsWith(`no answer from ${url}/trpc: `), true, error.message);
    assertMatch(error.message, /refused/i);
    const live = weir.live();
    const end = live.subscribe(() => undefined);
    await until("the failure", () => live.getState().error !== null);
    assertEquals(live.getState().error?.message.startsWith(`no connection to ${url}/trpc: `), true);
    end();
    await weir.close();
  },
);
