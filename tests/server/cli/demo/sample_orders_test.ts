import { assert, assertEquals } from "@std/assert";
import { sampleOrders, sampleStores } from "../../../../server/cli/demo/sample_orders.ts";
import { placeInput } from "../../../../client/contract/order.ts";

function make(count: number, seed: number) {
  const next = sampleOrders({ suffix: "test", seed });
  return Array.from({ length: count }, () => next());
}

Deno.test("a seed makes the same orders each time, another seed makes others", () => {
  assertEquals(make(50, 7), make(50, 7));
  assert(JSON.stringify(make(50, 7)) !== JSON.stringify(make(50, 8)));
});

Deno.test("sample orders are valid, each under a key of its own", () => {
  const orders = make(2_000, 0).map((order) => placeInput.parse(order));
  assertEquals(new Set(orders.map((order) => order.idempotencyKey)).size, orders.length);
});

Deno.test("sample orders are of four stores and three currencies", () => {
  const orders = make(2_000, 1);
  const stores = new Set(orders.map((order) => order.storeId));
  assertEquals([...stores].sort(), sampleStores("test").sort());
  assertEquals(new Set(orders.map((order) => order.currency)).size, 3);
});
