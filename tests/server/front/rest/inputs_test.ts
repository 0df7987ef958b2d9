/** Inputs of REST, put together from path, query, body and headers. */
import { assertEquals, assertThrows } from "@std/assert";
import { TRPCError } from "@trpc/server";
import { Refused } from "../../../../client/contract/refused.ts";
import { inputOf, type InputParts } from "../../../../server/front/rest/inputs.ts";
import { OPERATIONS } from "../../../../server/front/rest/operations.ts";

const NONE: InputParts = {
  values: {},
  query: new URLSearchParams(),
  body: "",
  rawHeaders: [],
  lastEventId: undefined,
};

function read(id: string, parts: Partial<InputParts>): unknown {
  return inputOf(OPERATIONS.find((one) => one.id === id)!, { ...NONE, ...parts });
}

function refusedAt(path: string, id: string, parts: Partial<InputParts>): void {
  const { refusal } = assertThrows(() => read(id, parts), Refused);
  assertEquals([refusal.reason, refusal.issues?.[0]?.path], ["invalid_input", path]);
}

const berlin = { storeId: "berlin" };
const keyed = (key: string) => ["Idempotency-Key", key];

Deno.test("a number in a query is a number, and text that is none stays text", () => {
  const list = (query: string) =>
    read("listOrders", { values: berlin, query: new URLSearchParams(query) });
  assertEquals(list("limit=7&cursor=12"), { storeId: "berlin", limit: 7, cursor: "12" });
  assertEquals(list("limit=-7"), { storeId: "berlin", limit: -7 });
  assertEquals(list("limit=7.5"), { storeId: "berlin", limit: 7.5 });
  assertEquals(list("limit=7."), { storeId: "berlin", limit: "7." });
  assertEquals(list("limit="), { storeId: "berlin", limit: "" });
  assertEquals(list("limit=1e3"), { storeId: "berlin", limit: "1e3" });
});

Deno.test("a field that stands in a query twice is refused, whatever its name", () => {
  refusedAt("limit", "listOrders", {
    values: berlin,
    query: new URLSearchParams("limit=1&limit=1"),
  });
  const query = new URLSearchParams("__proto__=1&__proto__=2");
  refusedAt("__proto__", "listOrders", { values: berlin, query });
});

Deno.test("a field of the path may stand beside it, with the same value alone", () => {
  const body = '{"storeId":"berlin","reason":"a"}';
  const values = { ...berlin, orderId: "1" };
  assertEquals(read("cancelOrder", { values, body }), { ...values, reason: "a" });
  for (const other of ['{"storeId":"paris"}', '{"storeId":null}', '{"storeId":["berlin"]}']) {
    refusedAt("storeId", "cancelOrder", { values, body: other });
  }
  refusedAt("storeId", "getOrder", { values, query: new URLSearchParams("storeId=paris") });
});

Deno.test("the key of an order comes from the header or the body, and from both when they agree", () => {
  const expected = { storeId: "berlin", currency: "EUR", idempotencyKey: "a" };
  const place = (body: string, rawHeaders: readonly string[] = []) =>
    ["placeOrder", { values: berlin, body, rawHeaders }] as const;
  const inBody = '{"currency":"EUR","idempotencyKey":"a"}';
  assertEquals(read(...place('{"currency":"EUR"}', keyed('"a"'))), expected);
  assertEquals(read(...place('{"currency":"EUR"}', keyed("a"))), expected);
  assertEquals(read(...place(inBody)), expected);
  assertEquals(read(...place(inBody, keyed('"a"'))), expected);
  refusedAt("idempotencyKey", ...place(inBody, keyed('"b"')));
  refusedAt("Idempotency-Key", ...place('{"currency":"EUR"}'));
  refusedAt("Idempotency-Key", ...place(inBody, keyed('"a')));
});

Deno.test("the header of a key is not read for operations whose repeats are safe without it", () => {
  const values = { ...berlin, orderId: "1" };
  assertEquals(read("cancelOrder", { values, rawHeaders: keyed('"broken') }), values);
});

Deno.test("an order of a batch has the store of the path, and no other", () => {
  const batch = (orders: unknown) =>
    ["placeOrders", { values: berlin, body: JSON.stringify({ orders }) }] as const;
  assertEquals(read(...batch([{ sku: 1 }, { storeId: "berlin" }, null, 5, []])), {
    orders: [{ sku: 1, storeId: "berlin" }, { storeId: "berlin" }, null, 5, []],
  });
  refusedAt("orders.1.storeId", ...batch([{}, { storeId: "paris" }]));
  assertEquals(read(...batch("no list")), { orders: "no list" });
});

Deno.test("a body that is no object goes to the procedure as it is, and one that is no JSON is refused", () => {
  assertEquals(read("cancelOrder", { values: berlin, body: "[1]" }), [1]);
  assertEquals(read("cancelOrder", { values: berlin, body: "null" }), null);
  assertEquals(read("cancelOrder", { values: berlin, body: " \n" }), berlin);
  refusedAt("body", "cancelOrder", { values: berlin, body: "{" });
});

Deno.test("a POST takes nothing from its query, and an operation without fields takes none at all", () => {
  refusedAt("reason", "cancelOrder", { values: berlin, query: new URLSearchParams("reason=a") });
  assertThrows(() => read("whoami", { query: new URLSearchParams("a=1") }), TRPCError);
  assertThrows(() => read("aggregate", { body: '{"a":1}' }), TRPCError);
  assertThrows(() => read("watchFigures", { query: new URLSearchParams("storeId=a") }), TRPCError);
  assertEquals(read("watchFigures", { query: new URLSearchParams("maxFramesPerSecond=0.5") }), {
    maxFramesPerSecond: 0.5,
  });
  assertThrows(() => read("getFigures", { query: new URLSearchParams("storeId=a") }), TRPCError);
  assertEquals(read("aggregate", {}), {});
});

Deno.test("the last event's id goes into streams that can be resumed, and nowhere else", () => {
  const lastEventId = "1:2";
  assertEquals(read("watchStoreFigures", { values: berlin, lastEventId }), {
    storeId: "berlin",
    lastEventId,
  });
  assertEquals(read("watchFigures", { lastEventId: "" }), {});
  assertEquals(read("getStoreFigures", { values: berlin, lastEventId }), berlin);
});
