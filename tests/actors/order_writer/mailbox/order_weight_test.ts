import { assertEquals } from "@std/assert";
import { weightOf } from "../../../../actors/order_writer/mailbox/order_weight.ts";

Deno.test("an order weighs as much as its lines, and a small one as much as five", () => {
  assertEquals([1, 4, 5, 6, 200].map(weightOf), [5, 5, 5, 6, 200]);
});
