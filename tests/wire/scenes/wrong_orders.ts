/** Orders that break a rule of their shape, with the path and message of each issue. */
import { KEY } from "../../support/services/instance.ts";
import { authorization } from "../../support/load/raw_calls.ts";
import { anOrder } from "../calls.ts";
import { scene } from "../scene.ts";

const line = (parts: Readonly<Record<string, unknown>>) => ({
  lines: [{ sku: "tea", quantity: 1, unitPriceMinor: 1, ...parts }],
});

const WRONG: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  "an unknown field": { colour: "red" },
  "a store's name": { storeId: "No Store" },
  "no key": { idempotencyKey: "" },
  "a key that is not ASCII": { idempotencyKey: "kéy" },
  "a currency that is none": { currency: "EURO" },
  "a currency in small letters": { currency: "eur" },
  "no lines": { lines: [] },
  "too many lines": { lines: Array(201).fill({ sku: "a", quantity: 1, unitPriceMinor: 1 }) },
  "lines that are no list": { lines: { length: 1 } },
  "a quantity of zero": line({ quantity: 0 }),
  "a quantity that is too large": line({ quantity: 1_000_001 }),
  "half a piece": line({ quantity: 0.5 }),
  "a price as text": line({ unitPriceMinor: "1" }),
  "a price below zero": line({ unitPriceMinor: -1 }),
  "a price that is too high": line({ unitPriceMinor: 1_000_000_000_001 }),
  "no sku": line({ sku: "" }),
  "a long sku": line({ sku: "x".repeat(65) }),
  "a line's unknown field": line({ colour: "red" }),
  "a total that is too large": {
    lines: Array(10).fill({ sku: "a", quantity: 1_000_000, unitPriceMinor: 1_000_000_000 }),
  },
  "a control character": { customerRef: "a\u0000b" },
  "half a character": { customerRef: "\ud800" },
  "a long customer": { customerRef: "x".repeat(129) },
  "null as customer": { customerRef: null },
  "metadata with a number": { metadata: { a: 1 } },
  "metadata with a long value": { metadata: { a: "x".repeat(513) } },
  "metadata with a line break in a key": { metadata: { "a\nb": "c" } },
  "metadata with many entries": {
    metadata: Object.fromEntries(Array.from({ length: 17 }, (_, index) => [`key ${index}`, "v"])),
  },
  "metadata as a list": { metadata: ["a"] },
  "a short deadline": { deadlineMs: 49 },
  "a long deadline": { deadlineMs: 30_001 },
  "several at once": { storeId: "", currency: 1, lines: [{}, null], x: 1, y: 2 },
  "more issues than are told": { lines: Array(60).fill(null) },
  "an issue that is cut short": { metadata: { ["k".repeat(400)]: 1 } },
};

export const wrongOrders = scene("wrong orders", async (wire) => {
  for (const [name, parts] of Object.entries(WRONG)) {
    await wire.mutate(name, "orders.place", anOrder("wrong", parts));
  }
  const proto = JSON.stringify(anOrder("wrong")).replace(/\}$/, ',"metadata":{"__proto__":"a"}}');
  const bodies = { nothing: "", null: "null", "a list": "[]", "a key __proto__": proto };
  for (const [name, body] of Object.entries(bodies)) {
    await wire.http(name, {
      method: "POST",
      target: "/trpc/orders.place",
      headers: { "content-type": "application/json", ...authorization(KEY) },
      body,
    });
  }
});
