/** Orders before they are sent. */
import { assertEquals, assertMatch, assertNotEquals, assertThrows } from "@std/assert";
import { prepareOrder } from "../../../client/mod.ts";
import { orderIdOf } from "../../../sql/orders/order_identity.ts";
import { anInput } from "../../support/load/orders.ts";
import { Random } from "../../support/load/random.ts";

const { idempotencyKey: _, ...ORDER } = anInput();

Deno.test("an order without a key gets one of its own", () => {
  const [first, second] = [prepareOrder(ORDER), prepareOrder(ORDER)];
  assertMatch(first.order.idempotencyKey, /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
  assertNotEquals(first.orderId, second.orderId);
  assertEquals(prepareOrder(first.order), first);
});

Deno.test("the id is the server's, for any key", () => {
  const random = new Random(41);
  for (let tries = 0; tries < 500; tries++) {
    const length = random.int(1, 255);
    const key = Array.from({ length }, () => String.fromCharCode(random.int(32, 126))).join("");
    const { orderId } = prepareOrder({ ...ORDER, idempotencyKey: key });
    assertEquals(orderId, orderIdOf(ORDER.storeId, key), key);
  }
});

Deno.test("an order that is no JSON is refused before anything is sent", () => {
  const quantity = 2n as unknown as number;
  const lines = [{ sku: "tea", quantity, unitPriceMinor: 1 }];
  assertThrows(() => prepareOrder({ ...ORDER, lines }), TypeError);
});

Deno.test("an order is a copy: a cart that changes later does not change it", () => {
  const lines = [{ sku: "tea", quantity: 2, unitPriceMinor: 450 }];
  const { order } = prepareOrder({ ...ORDER, lines });
  lines.length = 0;
  assertEquals(order.lines.length, 1);
});
