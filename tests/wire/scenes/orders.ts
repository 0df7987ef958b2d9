/** Placing orders, reading them back, cancelling them, and watching one. */
import { refusePoison } from "../../support/faults/poison.ts";
import { anOrder, aPoisonOrder, NO_ID } from "../calls.ts";
import { scene } from "../scene.ts";
import { dataOf, type Wire } from "../wire.ts";

const FULL = {
  currency: "JPY",
  lines: [
    { sku: "green tea", quantity: 3, unitPriceMinor: 1_200 },
    { sku: "Kännchen", quantity: 1, unitPriceMinor: 0 },
  ],
  customerRef: "customer 7",
  metadata: { z: "last", a: "first", "10": "ten", "9": "nine" },
  deadlineMs: 30_000,
};

export const orders = scene("orders", async (wire, { database, createKey }) => {
  const orderId = await playPlace(wire);
  await playReads(wire, orderId);
  await playLists(wire);
  await playCancel(wire, orderId);
  await refusePoison(database.sql);
  const { token } = await createKey(["orders:write"], "store-1");
  wire.name(token, "<a key of store-1>");
  await playMany(wire, token);
  await playRejected(wire);
  await playBySocket(wire);
});

async function playPlace(wire: Wire): Promise<string> {
  const placed = await wire.mutate("place", "orders.place", anOrder("first"));
  const { orderId } = dataOf<{ orderId: string }>(placed);
  await wire.mutate("place, again", "orders.place", anOrder("first"));
  await wire.mutate("place, again with a deadline and no metadata", "orders.place", {
    ...anOrder("first"),
    metadata: {},
    deadlineMs: 1_000,
  });
  const other = anOrder("first", { customerRef: "another" });
  await wire.mutate("place, other content", "orders.place", other);
  await wire.mutate("place, with everything", "orders.place", anOrder("full", FULL));
  return orderId;
}

async function playReads(wire: Wire, orderId: string): Promise<void> {
  const order = { storeId: "store-1", orderId };
  await wire.query("get", "orders.get", order);
  await wire.query("get, of another store", "orders.get", { ...order, storeId: "store-2" });
  await wire.query("get, of no order", "orders.get", { ...order, orderId: NO_ID });
  await wire.query("get, not an id", "orders.get", { ...order, orderId: "x" });
  await wire.query("get, without an input", "orders.get", undefined);
  await wire.stream("on status, by events", "orders.onStatus", order, async (events) => {
    for (let count = 0; count < 4; count++) await events.nextOrEnd();
  });
}

async function playLists(wire: Wire): Promise<void> {
  for (const key of ["a", "b", "c"]) {
    const order = anOrder(key, { ...FULL, storeId: "store-list" });
    await wire.mutate(`place for the list: ${key}`, "orders.place", order);
  }
  const storeId = "store-list";
  const page = await wire.query("list, two", "orders.list", { storeId, limit: 2 }, {
    fits: (text) => nameCursor(wire, text),
  });
  const { nextCursor } = dataOf<{ nextCursor: string }>(page);
  await wire.query("list, the next", "orders.list", { storeId, limit: 2, cursor: nextCursor });
  for (const status of ["spilled", "committed", "cancelled", "dead_lettered"]) {
    const input = { storeId, limit: 1, status };
    await wire.query(`list, ${status}`, "orders.list", input, {
      fits: (text) => nameCursor(wire, text),
    });
  }
  await wire.query("list, of no orders", "orders.list", { storeId: "store-0" });
  for (
    const wrong of [{ limit: 0 }, { limit: 201 }, { limit: 1.5 }, { cursor: "x" }, { status: "x" }]
  ) {
    const input = { storeId, ...wrong };
    await wire.query(`list, wrong: ${JSON.stringify(wrong)}`, "orders.list", input);
  }
}

/** The cursor of a page. A cursor holds a time, so it differs in each run. */
function nameCursor(wire: Wire, text: string): boolean {
  const { result } = JSON.parse(text) as { result?: { data: { nextCursor: string | null } } };
  const cursor = result?.data.nextCursor ?? null;
  if (cursor !== null) wire.name(cursor, "<cursor>");
  return true;
}

async function playCancel(wire: Wire, orderId: string): Promise<void> {
  const order = { storeId: "store-1", orderId };
  const why = { ...order, reason: "changed my mind" };
  await wire.mutate("cancel, a reason that is too long", "orders.cancel", {
    ...order,
    reason: "x".repeat(257),
  });
  await wire.mutate("cancel", "orders.cancel", why);
  await wire.mutate("cancel, again", "orders.cancel", order);
  await wire.mutate("cancel, of no order", "orders.cancel", { ...order, orderId: NO_ID });
  await wire.mutate("cancel, of another store", "orders.cancel", { ...order, storeId: "store-2" });
  await wire.mutate("place, a cancelled order again", "orders.place", anOrder("first"));
  await wire.query("get, cancelled", "orders.get", order);
  await wire.query("list, with a cancelled one", "orders.list", { storeId: "store-1" });
}

/** Calls with a key of one store. */
async function playMany(wire: Wire, token: string): Promise<void> {
  const many = (name: string, input: unknown) =>
    wire.mutate(name, "orders.placeMany", input, { token });
  await many("place many", {
    orders: [
      anOrder("many-1"),
      anOrder("many-2", { storeId: "store-2" }),
      anOrder("many-3", { lines: [], colour: "red" }),
      anOrder("first", { currency: "USD" }),
      anOrder("first"),
      aPoisonOrder("many-4"),
      null,
    ],
  });
  await many("place many, none", { orders: [] });
  await many("place many, too many", { orders: Array(501).fill(null) });
  await many("place many, not a list", { orders: { length: 1 } });
  await many("place many, a field too many", { orders: [anOrder("many-1")], storeId: "store-1" });
  await many("place many, without an input", undefined);
}

async function playRejected(wire: Wire): Promise<void> {
  const refused = await wire.mutate("place, rejected", "orders.place", aPoisonOrder("poison"));
  await wire.mutate("place, rejected again", "orders.place", aPoisonOrder("poison"));
  const { error } = JSON.parse(refused.text) as { error: { data: { deadLetterId: string } } };
  const letter = await wire.query("its letter", "ops.deadLetters.get", {
    id: error.data.deadLetterId,
  });
  const { orderId } = dataOf<{ orderId: string }>(letter);
  const order = { storeId: "store-1", orderId };
  await wire.query("get, dead-lettered", "orders.get", order);
  await wire.mutate("cancel, dead-lettered", "orders.cancel", order);
  await wire.stream("on status, dead-lettered", "orders.onStatus", order, async (events) => {
    for (let count = 0; count < 4; count++) await events.nextOrEnd();
  });
}

async function playBySocket(wire: Wire): Promise<void> {
  await wire.socket("the same by WebSocket", async (socket) => {
    let id = 0;
    const call = (method: string, path: string, input: unknown) =>
      socket.ask({ id: ++id, method, params: { path, input } });
    const answer = await call("mutation", "orders.place", anOrder("by-socket", FULL));
    const { result } = JSON.parse(answer) as { result: { data: { orderId: string } } };
    const order = { storeId: "store-1", orderId: result.data.orderId };
    await call("mutation", "orders.place", anOrder("by-socket", FULL));
    await call("mutation", "orders.place", anOrder("by-socket"));
    await call("mutation", "orders.place", anOrder("by-socket", { lines: [] }));
    await call("mutation", "orders.place", aPoisonOrder("poison"));
    await call("mutation", "orders.placeMany", { orders: [anOrder("by-socket", FULL), null] });
    await call("query", "orders.get", order);
    await call("query", "orders.list", { storeId: "store-0" });
    await call("subscription", "orders.onStatus", order);
    await socket.next();
    await socket.next();
    await call("mutation", "orders.cancel", order);
    await call("mutation", "orders.cancel", { ...order, orderId: NO_ID });
    await call("subscription", "orders.onStatus", order);
    await socket.next();
    await socket.next();
  });
}
