/** An instance that stops: its answers to new orders, subscribers and load balancers. */
import { until } from "../../support/services/services.ts";
import { anOrder } from "../calls.ts";
import { scene, withinOneMinute } from "../scene.ts";

export const stopping = withinOneMinute(
  scene("stopping", async (wire, { api, database, instance }) => {
    const session = database.session();
    await session`begin`;
    await session`lock table orders in access exclusive mode`;
    const lines = [{ sku: "tea", quantity: 1, unitPriceMinor: 1 }];
    const held = api.orders.place.mutate({
      storeId: "store-1",
      idempotencyKey: "held",
      currency: "EUR",
      lines,
    });
    const writer = async () => (await api.ops.status.query()).writer;
    await until("a batch", async () => (await writer()).inFlightBatches === 1);
    const live = { id: 1, method: "subscription", params: { path: "dashboard.live", input: {} } };
    await wire.stream("an event stream that ends", "dashboard.live", {}, async (events) => {
      await events.next();
      await events.next();
      await wire.socket("a connection that ends", async (socket) => {
        await socket.ask(live);
        await socket.next();
        const stopped = instance.stop();
        await until("the stop", async () => (await writer()).intake === "draining");
        await wire.mutate("a new order", "orders.place", anOrder("new"));
        await wire.mutate("many orders", "orders.placeMany", { orders: [anOrder("new")] });
        await wire.http("GET /readyz", { method: "GET", target: "/readyz" });
        await wire.http("GET /healthz", { method: "GET", target: "/healthz" });
        await session`rollback`;
        await held;
        await socket.await((text) => text.includes("reconnect"));
        await socket.closedByServer();
        await stopped;
      });
      await events.nextOrEnd();
    });
  }),
);
