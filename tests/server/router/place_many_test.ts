import { assertEquals, assertGreater } from "@std/assert";
import type { Intake } from "../../../server/orders/intake.ts";
import type { Principal } from "../../../server/router/context.ts";
import { placeEach } from "../../../server/router/place_many.ts";
import { anInput } from "../../support/load/orders.ts";

const principal: Principal = {
  keyId: "key",
  name: "a test",
  scopes: new Set(["orders:write"]),
  storeIds: null,
  currencies: null,
  token: null,
};

const acknowledgement = {
  orderId: "an id",
  status: "committed",
  replayed: false,
  totalMinor: 300,
  currency: "EUR",
  placedAt: "2026-11-28T10:00:00.000Z",
} as const;

/** Places orders of `lines` lines each. @returns the other callers' turns before each was placed */
async function turnsBefore(orders: number, lines: number, entries = 0): Promise<number[]> {
  let turns = 0;
  const turning = setInterval(() => turns++, 0);
  const before: number[] = [];
  const place: Intake["place"] = () => {
    before.push(turns);
    return Promise.resolve({ ok: true, acknowledgement });
  };
  const line = { sku: "tea", quantity: 1, unitPriceMinor: 300 };
  const metadata = Object.fromEntries(
    Array.from({ length: entries }, (_, key) => [`k${key}`, "v"]),
  );
  const inputs = Array.from(
    { length: orders },
    () => anInput({ lines: Array(lines).fill(line), metadata }),
  );
  const results = await placeEach({ intake: { place }, principal, spend: () => null }, inputs);
  clearInterval(turning);
  assertEquals(results.map(({ ok }) => ok), Array(orders).fill(true));
  return before;
}

Deno.test("a call of very many lines leaves turns to other callers, and places all its orders", async () => {
  const before = await turnsBefore(80, 100);
  assertEquals(before.length, 80);
  assertEquals(before.slice(0, 6), Array(6).fill(0), "the first 600 lines in one go");
  assertGreater(before.at(-1)!, 8);
});

Deno.test("a call of small orders is placed in one go", async () => {
  assertEquals(await turnsBefore(200, 2), Array(200).fill(0));
});

Deno.test("a call of small orders with much metadata leaves turns too", async () => {
  assertGreater((await turnsBefore(200, 1, 16)).at(-1)!, 3);
});
