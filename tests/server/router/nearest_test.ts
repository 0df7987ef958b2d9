import { assertEquals } from "@std/assert";
import { nearest } from "../../../server/router/nearest.ts";

const ORDER = ["storeId", "idempotencyKey", "currency", "lines", "customerRef", "metadata"];
const LINE = ["sku", "quantity", "unitPriceMinor"];

Deno.test("nearest finds another case, snake_case, a slip of a letter, and a part of the name", () => {
  const meant: readonly (readonly [string, readonly string[], string | undefined])[] = [
    ["storeID", ORDER, "storeId"],
    ["store_id", ORDER, "storeId"],
    ["STORE-ID", ORDER, "storeId"],
    ["idempotency_key", ORDER, "idempotencyKey"],
    ["idempotencykye", ORDER, "idempotencyKey"],
    ["curency", ORDER, "currency"],
    ["line", ORDER, "lines"],
    ["customer", ORDER, "customerRef"],
    ["meta", ORDER, "metadata"],
    ["unitPrice", LINE, "unitPriceMinor"],
    ["price", LINE, "unitPriceMinor"],
    ["Quantity", LINE, "quantity"],
    ["quantiy", LINE, "quantity"],
  ];
  for (const [name, known, expected] of meant) assertEquals(nearest(name, known), expected, name);
});

Deno.test("nearest finds nothing where nothing is near, or two are", () => {
  for (const name of ["", "a", "colour", "x".repeat(1_000_000), "__proto__", "items"]) {
    assertEquals(nearest(name, ORDER), undefined, name.slice(0, 20));
  }
  assertEquals(nearest("unit", ["unitPrice", "unitCount"]), undefined);
  assertEquals(nearest("storeId", []), undefined);
});
