import { assertGreater, assertLess } from "@std/assert";
import { sizeOf } from "../../../../server/front/answers/answer_size.ts";
import { largestInput } from "../../../support/load/large/orders.ts";
import { anInput } from "../../../support/load/orders.ts";

Deno.test("sizeOf() comes near the bytes of the JSON", () => {
  const orders = Array.from({ length: 20 }, () => anInput());
  for (const value of [{ orders }, [largestInput()], { a: null, b: [true, "é"] }]) {
    const bytes = new TextEncoder().encode(JSON.stringify(value)).length;
    assertGreater(sizeOf(value), 0.9 * bytes);
    assertLess(sizeOf(value), 1.5 * bytes + 20);
  }
});
