/** tRPC over WebSocket: the upgrade, odd messages, streams and their end; and event streams. */
import { KEY } from "../../support/services/instance.ts";
import { authorization } from "../../support/load/raw_calls.ts";
import { anOrder, NO_ID } from "../calls.ts";
import { scene, withinOneMinute } from "../scene.ts";
import type { Wire } from "../wire.ts";

const BOUND_BYTES = 1_048_576;

const UPGRADE = {
  connection: "Upgrade",
  upgrade: "websocket",
  "sec-websocket-version": "13",
  "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
};

const list = (id: unknown) => ({
  id,
  method: "query",
  params: { path: "orders.list", input: { storeId: "store-3" } },
});

export const sockets = withinOneMinute(scene("sockets", async (wire) => {
  await wire.http("an upgrade", { method: "GET", target: "/trpc", headers: UPGRADE });
  await wire.http("an upgrade of another path", {
    method: "GET",
    target: "/nothing",
    headers: UPGRADE,
  });
  const { "sec-websocket-key": _, ...keyless } = UPGRADE;
  await wire.http("an upgrade without its key", {
    method: "GET",
    target: "/trpc",
    headers: keyless,
  });
  await playConnections(wire);
  await playMessages(wire);
  await playSubscriptions(wire);
  await playEventStreams(wire);
}));

async function playConnections(wire: Wire): Promise<void> {
  await wire.bareSocket("no connection params, no key", "/trpc", {}, async (socket) => {
    await socket.ask(list(1));
  });
  await wire.bareSocket("the key in the header", "/trpc", authorization(KEY), async (socket) => {
    await socket.ask(list(1));
  });
  const asked = "/trpc?connectionParams=1";
  await wire.bareSocket("the header, and null as params", asked, authorization(KEY), async (it) => {
    it.send({ method: "connectionParams", data: null });
    await it.ask(list(1));
  });
  await wire.bareSocket("a wrong key in the params", asked, authorization(KEY), async (it) => {
    it.send({ method: "connectionParams", data: { token: "nonsense" } });
    await it.ask(list(1));
  });
  await wire.bareSocket("params that are a list", asked, {}, async (socket) => {
    socket.send({ method: "connectionParams", data: [1] });
    await socket.next();
  });
  await wire.bareSocket("a call before the params", asked, {}, async (socket) => {
    await socket.ask(list(1));
  });
}

async function playMessages(wire: Wire): Promise<void> {
  await wire.socket("odd messages", async (socket) => {
    await socket.ask("PING");
    await socket.ask("not json");
    await socket.ask("null");
    await socket.ask({ id: 1 });
    await socket.ask({ id: 2, method: "nothing", params: { path: "orders.list" } });
    await socket.ask({ id: 3, method: "query" });
    await socket.ask({ id: 4, method: "query", params: { path: "orders.nothing" } });
    await socket.ask({ id: 5, method: "mutation", params: { path: "orders.list", input: {} } });
    await socket.ask({ id: 6, method: "query", params: { path: "orders.list" } });
    await socket.ask(list("a text"));
    await socket.ask({ ...list(7), jsonrpc: "2.0" });
    await socket.ask([list(8)]);
    await socket.ask({
      id: 9,
      method: "mutation",
      params: { path: "orders.place", input: anOrder("by socket") },
    });
    await socket.ask(new TextEncoder().encode(JSON.stringify(list(10))), "<binary: a call>");
  });
  await wire.socket("a message of the bound, and one over it", async (socket) => {
    await socket.ask(JSON.stringify(list(12)).padEnd(BOUND_BYTES), "<id 12, padded to 1 MiB>");
    socket.send(" ".repeat(BOUND_BYTES + 1), "<1 MiB and a byte of spaces>");
    await socket.closedByServer();
  });
}

async function playSubscriptions(wire: Wire): Promise<void> {
  const live = (id: number, input: unknown, lastEventId?: string) => ({
    id,
    method: "subscription",
    params: {
      path: "dashboard.live",
      input,
      ...(lastEventId === undefined ? {} : { lastEventId }),
    },
  });
  // Each first frame is of a store that nobody watched before, so it comes from the database.
  await wire.socket("a subscription, stopped", async (socket) => {
    await socket.ask(live(1, { storeId: "store-4" }));
    await socket.next();
    await socket.ask({ id: 1, method: "subscription.stop" });
    socket.send({ id: 1, method: "subscription.stop" });
    await socket.ask(list(2));
  });
  await wire.socket("two subscriptions with one id", async (socket) => {
    await socket.ask(live(1, { storeId: "store-5" }));
    await socket.next();
    await socket.ask(live(1, { storeId: "store-5" }));
    await socket.ask(list(2));
  });
  await wire.socket("subscriptions that are refused", async (socket) => {
    await socket.ask(live(1, { storeId: "No Store" }));
    await socket.ask(live(2, { storeId: "store-3" }, "nonsense"));
    await socket.ask(live(3, "a text"));
    await socket.ask({ id: 4, method: "subscription", params: { path: "orders.list", input: {} } });
    await socket.ask({ id: 5, method: "query", params: { path: "ops.onStatus" } });
    const order = { storeId: "store-1", orderId: NO_ID };
    const onStatus = { path: "orders.onStatus", input: order };
    await socket.ask({ id: 6, method: "subscription", params: onStatus });
    await socket.next();
  });
}

async function playEventStreams(wire: Wire): Promise<void> {
  await wire.stream("an event stream", "dashboard.live", { storeId: "store-6" }, async (events) => {
    await events.next();
    await events.next();
  });
  await wire.stream("any Accept", "dashboard.live", { storeId: "store-7" }, async (events) => {
    await events.next();
    await events.next();
  }, { headers: { accept: "*/*" } });
  const refused: readonly (readonly [string, string, unknown])[] = [
    ["an event stream of a wrong input", "dashboard.live", { storeId: "No Store" }],
    ["an event stream of no such order", "orders.onStatus", { storeId: "store-1", orderId: NO_ID }],
  ];
  for (const [name, path, input] of refused) {
    await wire.stream(name, path, input, async (events) => {
      for (let count = 0; count < 3; count++) await events.nextOrEnd();
    });
  }
  const headers = { accept: "text/event-stream" };
  await wire.query("an event stream of a query", "orders.list", { storeId: "store-3" }, {
    headers,
  });
  await wire.query("an event stream of nothing", "orders.nothing", {}, { headers });
}
