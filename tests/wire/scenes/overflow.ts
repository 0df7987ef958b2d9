/** The database is away and orders go into the overflow; then it comes back. */
import { until } from "../../support/services/services.ts";
import { anOrder } from "../calls.ts";
import { sceneWithProxy } from "../scene.ts";
import { dataOf } from "../wire.ts";

const SPILLED = {
  storeId: "store-1",
  idempotencyKey: "spilled",
  currency: "EUR",
  lines: [{ sku: "tea", quantity: 2, unitPriceMinor: 450 }],
};

/** True when the status is at rest. The overflow's figures are counted only now and then. */
function isOut(text: string): boolean {
  return [
    '"circuit":"open"',
    '"inFlightBatches":0',
    '"state":"backing_off"',
    '"bus":{"state":"redis"}',
    '"orders":4,"oldestAgeMs":',
  ].every((part) => text.includes(part)) && !text.includes('"oldestAgeMs":null') &&
    /"failuresInARow":[1-9]\d*,"lastError":"ECONNREFUSED"/.test(text);
}

export const overflow = sceneWithProxy("overflow", async (wire, { api }, proxy) => {
  const before = await wire.mutate("place, before", "orders.place", anOrder("before"));
  await wire.mutate("place, before, to be a conflict", "orders.place", anOrder("conflict"));
  const committed = dataOf<{ orderId: string }>(before).orderId;
  await until("the overflow, and a fold", async () => {
    const { spill, aggregator } = await api.ops.status.query();
    return spill.state === "ready" && aggregator.state === "idle" && aggregator.lastRunAt !== null;
  });
  proxy.cut();
  const placed = await wire.mutate("place, spilled", "orders.place", SPILLED, {
    fits: (text) => text.includes('"spilled"'),
  });
  const { orderId } = dataOf<{ orderId: string }>(placed);
  const order = { storeId: "store-1", orderId };
  await wire.mutate("place, spilled again", "orders.place", SPILLED);
  await wire.mutate(
    "place, other content",
    "orders.place",
    anOrder("spilled", { currency: "USD" }),
  );
  await wire.mutate("place, committed before", "orders.place", anOrder("before"));
  const many = { orders: [anOrder("many", { storeId: "store-2" }), null] };
  await wire.mutate("place many", "orders.placeMany", many);
  const conflict = anOrder("conflict", { currency: "USD" });
  await wire.mutate("place, other content than the database has", "orders.place", conflict);
  await wire.query("get, spilled", "orders.get", order);
  await wire.query("get, committed before", "orders.get", { ...order, orderId: committed });
  await wire.mutate("cancel, spilled", "orders.cancel", order);
  await wire.mutate("cancel, committed before", "orders.cancel", { ...order, orderId: committed });
  await wire.http("GET /readyz", { method: "GET", target: "/readyz" });
  await until("the last error", async () => {
    await api.orders.place.mutate(SPILLED);
    return (await api.ops.status.query()).writer.lastError === "ECONNREFUSED";
  });
  await wire.query("the status", "ops.status", undefined, { fits: isOut });
  await wire.socket("on status, by WebSocket", async (socket) => {
    const params = { path: "orders.onStatus", input: order };
    await socket.ask({ id: 1, method: "subscription", params });
    await socket.next();
    await wire.stream("on status, by events", "orders.onStatus", order, async (events) => {
      await events.next();
      await events.next();
      await proxy.mend();
      for (let count = 0; count < 3; count++) await events.nextOrEnd();
    });
    await socket.next();
    await socket.next();
  });
  await wire.mutate("cancel, committed now", "orders.cancel", order, {
    fits: (text) => text.includes('"replayed":false'),
  });
  await wire.query("get, committed now", "orders.get", order);
  await wire.mutate("place, committed now", "orders.place", SPILLED);
  const letters = await wire.query("the conflict's letter", "ops.deadLetters.list", {}, {
    fits: (text) => text.includes('"conflict"'),
  });
  const [letter] = dataOf<{ letters: { id: string }[] }>(letters).letters;
  const replay = { id: letter!.id };
  wire.name(replay.id, "<the letter>");
  await wire.mutate("replay, a conflict", "ops.deadLetters.replay", replay);
}, { WEIR_SPILL: "auto" });
