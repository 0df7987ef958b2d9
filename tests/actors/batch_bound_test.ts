import { assertEquals } from "@std/assert";
import { grownBound, halvedBound } from "../../actors/batch_bound.ts";

Deno.test("halvedBound() halves the size of a batch, down to one order", () => {
  assertEquals([500, 25, 2, 1].map(halvedBound), [250, 12, 1, 1]);
});

Deno.test("grownBound() adds a tenth, at least one order, up to the most", () => {
  assertEquals([1, 12, 95, 480].map((bound) => grownBound(bound, 500)), [2, 14, 105, 500]);
});
