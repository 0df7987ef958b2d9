/** The ways of subscriptions: WebSocket, event stream, and the change from one to the other. */
import { assertEquals, assertThrows } from "@std/assert";
import { WebSocket } from "ws";
import { createWeirClient, type WeirClient } from "../../../client/mod.ts";
import { createBrowserToken } from "../../../client/tokens.ts";
import { startHostileDoor } from "../../support/faults/hostile_door.ts";
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

Deno.test("an open connection gets another token before its own expires", () =>
  withInstance(async ({ url, createKey }) => {
    const { token: key } = await createKey(["dashboard:read"]);
    const sent: string[] = [];
    class Watched extends WebSocket {
      constructor(address: string) {
        super(address);
        const send = this.send.bind(this);
        this.send = (text: string) => {
          sent.push(text);
          send(text);
        };
      }
    }
    let made = 0;
    const token = async () => {
      // The first one is about to expire: 15 s before that it is renewed.
      const expiresInSeconds = made++ === 0 ? 17 : 600;
      const procedures = ["dashboard.live"] as const;
      return (await createBrowserToken({ key, procedures, expiresInSeconds })).token;
    };
    const weir = createWeirClient({ url, token, WebSocket: Watched });
    const live = weir.live();
    const statuses: string[] = [];
    const end = live.subscribe(({ status }) => statuses.push(status));
    await until("the renewal", () => sent.some((text) => text.includes('"renewToken"')));
    const { name } = await weir.api.whoami.query();
    assertEquals([made, name], [2, "a test"]);
    assertEquals(new Set(statuses), new Set(["connecting", "live"]));
    end();
    await weir.close();
  }));
