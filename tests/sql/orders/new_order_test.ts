import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { v5 } from "uuid";
import { toNewOrder } from "../../../sql/orders/new_order.ts";
import { orderIdOf } from "../../../sql/orders/order_identity.ts";
import { anInput, anOrder } from "../../support/load/orders.ts";
import { type PlaceInput, placeInput } from "../../../client/contract/order.ts";

/** The paths of the faults in `input`; empty when it has none. */
function wrongPaths(input: unknown): string[] {
  const parsed = placeInput.safeParse(input);
  return parsed.success ? [] : parsed.error.issues.map(({ path }) => path.join("."));
}

function line(parts: object): PlaceInput["lines"] {
  return [{ sku: "tea", quantity: 1, unitPriceMinor: 1, ...parts }];
}

Deno.test("orderIdOf() is the UUIDv5 of store and key, as other tools make it", () => {
  // python3 -c 'import uuid; print(uuid.uuid5(uuid.NAMESPACE_URL, "a/k1"))'
  assertEquals(orderIdOf("a", "k1"), "6d21c82e-fa72-5948-8e18-8a35c57addfe");
});

Deno.test("orderIdOf() makes the ids that the uuid package makes", () => {
  const namespace = "6ba7b811-9dad-11d1-80b4-00c04fd430c8";
  for (let index = 0; index < 2_000; index++) {
    const [store, key] = [`store-${index}`, `${"k~ !".repeat(index % 60)}${crypto.randomUUID()}`];
    assertEquals(orderIdOf(store, key), v5(`${store}/${key}`, namespace));
  }
  const long = "ä".repeat(3_000);
  assertEquals(orderIdOf("a", long), v5(`a/${long}`, namespace));
});

Deno.test("placeInput lets in every limit of the contract's table, and nothing past it", () => {
  const cases: [Partial<PlaceInput>, string | null][] = [
    [{ storeId: "a" }, null],
    [{ storeId: "a".repeat(64) }, null],
    [{ storeId: "a".repeat(65) }, "storeId"],
    [{ storeId: "Store" }, "storeId"],
    [{ storeId: "-a" }, "storeId"],
    [{ storeId: "" }, "storeId"],
    [{ storeId: "a\n" }, "storeId"],
    [{ idempotencyKey: "~ !" }, null],
    [{ idempotencyKey: "k".repeat(255) }, null],
    [{ idempotencyKey: "k".repeat(256) }, "idempotencyKey"],
    [{ idempotencyKey: "" }, "idempotencyKey"],
    [{ idempotencyKey: "käse" }, "idempotencyKey"],
    [{ idempotencyKey: "k\n" }, "idempotencyKey"],
    [{ currency: "JPY" }, null],
    [{ currency: "XCG" }, null],
    [{ currency: "eur" }, "currency"],
    [{ currency: "ZZZ" }, "currency"],
    [{ lines: [] }, "lines"],
    [{ lines: Array.from({ length: 200 }, () => line({})[0]!) }, null],
    [{ lines: Array.from({ length: 201 }, () => line({})[0]!) }, "lines"],
    [{ lines: line({ sku: "" }) }, "lines.0.sku"],
    [{ lines: line({ sku: "s".repeat(65) }) }, "lines.0.sku"],
    [{ lines: line({ quantity: 0 }) }, "lines.0.quantity"],
    [{ lines: line({ quantity: 1.5 }) }, "lines.0.quantity"],
    [{ lines: line({ quantity: 1_000_000 }) }, null],
    [{ lines: line({ quantity: 1_000_001 }) }, "lines.0.quantity"],
    [{ lines: line({ unitPriceMinor: -1 }) }, "lines.0.unitPriceMinor"],
    [{ lines: line({ unitPriceMinor: 0 }) }, null],
    [{ lines: line({ unitPriceMinor: 10 ** 12 }) }, null],
    [{ lines: line({ unitPriceMinor: 10 ** 12 + 1 }) }, "lines.0.unitPriceMinor"],
    [{ lines: line({ extra: 1 }) }, "lines.0"],
    [{ customerRef: "c".repeat(128) }, null],
    [{ customerRef: "c".repeat(129) }, "customerRef"],
    [{ metadata: { a: "v".repeat(512) } }, null],
    [{ metadata: { a: "v".repeat(513) } }, "metadata.a"],
    [{ metadata: { ["k".repeat(65)]: "v" } }, `metadata.${"k".repeat(65)}`],
    [{ metadata: Object.fromEntries(Array.from({ length: 17 }, (_, i) => [i, "v"])) }, "metadata"],
    [{ metadata: JSON.parse(`{"__proto__": "v"}`) }, "metadata"],
    [{ deadlineMs: 49 }, "deadlineMs"],
    [{ deadlineMs: 50 }, null],
    [{ deadlineMs: 30_000 }, null],
    [{ deadlineMs: 30_001 }, "deadlineMs"],
  ];
  for (const [parts, wrong] of cases) {
    const expected = wrong === null ? [] : [wrong];
    assertEquals(wrongPaths(anInput(parts)), expected, JSON.stringify(parts).slice(0, 100));
  }
  assertEquals(wrongPaths({ ...anInput(), extra: 1 }), [""]);
});

Deno.test("placeInput refuses a control character or a lone surrogate in every text", () => {
  for (const text of ["a\u0000b", "a\tb", "a\u007f", "a\u0085", "\ud800", "x\udc00x"]) {
    assertEquals(wrongPaths(anInput({ lines: line({ sku: text }) })), ["lines.0.sku"]);
    assertEquals(wrongPaths(anInput({ customerRef: text })), ["customerRef"]);
    assertEquals(wrongPaths(anInput({ metadata: { a: text } })), ["metadata.a"]);
    assertEquals(wrongPaths(anInput({ metadata: { [text]: "a" } })), [`metadata.${text}`]);
  }
  assertEquals(wrongPaths(anInput({ customerRef: "Zoë 👩‍🚀 ☕" })), []);
});

Deno.test("placeInput counts a total exactly up to the safe range, and refuses a larger one", () => {
  const most = { sku: "a", quantity: 9_007, unitPriceMinor: 10 ** 12 };
  const rest = { sku: "b", quantity: 1, unitPriceMinor: 199_254_740_991 };
  assertEquals(anOrder({ lines: [most, rest] }).totalMinor, Number.MAX_SAFE_INTEGER);
  const over = { ...rest, unitPriceMinor: 199_254_740_992 };
  assertEquals(wrongPaths(anInput({ lines: [most, over] })), ["lines"]);
});

Deno.test("toNewOrder() hashes everything but the deadline; the order of metadata does not count", () => {
  const input = anInput({ metadata: { a: "1", b: "2" } });
  const hashOf = (parts: Partial<PlaceInput>) =>
    toNewOrder(placeInput.parse({ ...input, ...parts })).contentHash;
  assertEquals(hashOf({ deadlineMs: 100 }), hashOf({}));
  assertEquals(hashOf({ metadata: { b: "2", a: "1" } }), hashOf({}));
  const { metadata: _, ...withoutMetadata } = input;
  assertEquals(
    toNewOrder(placeInput.parse(withoutMetadata)).contentHash,
    hashOf({ metadata: {} }),
  );
  const others: Partial<PlaceInput>[] = [
    { currency: "USD" },
    { customerRef: "c" },
    { customerRef: "" },
    { metadata: { a: "1", b: "3" } },
    { metadata: {} },
    { lines: line({ quantity: 2 }) },
    { lines: [...line({ sku: "x" }), ...line({ sku: "y" })] },
    { lines: [...line({ sku: "y" }), ...line({ sku: "x" })] },
  ];
  const hashes = [hashOf({}), ...others.map(hashOf)];
  assertEquals(new Set(hashes).size, hashes.length, "each other content has another hash");
  assertNotEquals(hashOf({ customerRef: "" }), hashOf({}));
});

Deno.test("placeInput gives a deadline of five seconds unless the client sends one", () => {
  assertEquals(placeInput.parse(anInput()).deadlineMs, 5_000);
  assert(!("deadlineMs" in anOrder()));
});
