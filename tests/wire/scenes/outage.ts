/** The answer of each procedure while the database is away and there is no overflow. */
import { KEY } from "../../support/services/instance.ts";
import { until } from "../../support/services/services.ts";
import { anOrder, NO_ID, PROCEDURES } from "../calls.ts";
import { sceneWithProxy } from "../scene.ts";

const STORE = { storeId: "store-0" };

export const outage = sceneWithProxy("outage", async (wire, instance, proxy) => {
  const { api, createKey, url } = instance;
  const unknown = await createKey(["orders:write"]);
  wire.name(unknown.token, "<a key that this instance does not know>");
  await wire.mutate("place, before", "orders.place", anOrder("before"));
  await wire.query("a snapshot, before", "dashboard.snapshot", STORE, {
    fits: (text) => text.includes('"source":"database"'),
  });
  let frames = 0;
  const watching = api.dashboard.live.subscribe(STORE, { onData: () => frames++ });
  await until("a frame", () => frames > 0);
  proxy.replies = "dropped";
  await wire.mutate("an unknown outcome", "orders.place", anOrder("lost", { deadlineMs: 500 }));
  proxy.cut();
  await until("the circuit to open", async () => {
    await api.orders.place.mutate(PROBE).catch(() => null);
    return (await api.ops.status.query()).writer.circuit === "open";
  });
  await wire.http("GET /readyz", { method: "GET", target: "/readyz" });
  await wire.http("GET /healthz", { method: "GET", target: "/healthz" });
  for (const { type, path, input } of PROCEDURES) {
    if (type === "subscription" || path === "ops.status") continue;
    const reason = path.includes("place") ? "circuit_open" : "unavailable";
    const options = { fits: (text: string) => text.includes(`"${reason}"`) };
    if (type === "mutation") await wire.mutate(path, path, input, options);
    else await wire.query(path, path, input, options);
  }
  const order = { storeId: "store-1", orderId: NO_ID };
  await wire.stream("orders.onStatus", "orders.onStatus", order, async (events) => {
    for (let count = 0; count < 3; count++) await events.nextOrEnd();
  });
  await wire.socket("an order by WebSocket", async (socket) => {
    const params = { path: "orders.place", input: anOrder("another") };
    await socket.ask({ id: 1, method: "mutation", params });
  });
  await wire.mutate("an unknown key", "orders.place", anOrder("new"), { token: unknown.token });
  await wire.query("a stale snapshot", "dashboard.snapshot", STORE, {
    fits: (text) => text.includes('"stale":true') && text.includes('"source":"live"'),
  });
  await wire.stream("stale live figures", "dashboard.live", STORE, async (events) => {
    await events.next();
    await events.await((text) => text.includes('"stale":true'));
  });
  watching.unsubscribe();
  await proxy.mend();
  await until("orders to be taken", async () => {
    const response = await fetch(`${url}/readyz`, { headers: { authorization: KEY } });
    await response.body?.cancel();
    return response.ok;
  });
});

const PROBE = {
  storeId: "store-1",
  idempotencyKey: "probe",
  currency: "EUR",
  lines: [{ sku: "tea", quantity: 1, unitPriceMinor: 1 }],
};
