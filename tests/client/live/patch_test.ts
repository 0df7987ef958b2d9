import { assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { hourUpTo, type SnapshotPatch } from "../../../client/contract/live_update.ts";
import type { CurrencyFigures, Snapshot } from "../../../client/contract/snapshot.ts";
import { blankFigures } from "../../../client/contract/live_update.ts";
import { applyPatch, applyUpdate, UnfitPatch } from "../../../client/live/patch.ts";

const MINUTE = "2026-11-22T10:00:00.000Z";
const tea = { sku: "tea", units: "1", revenueMinor: "900" };
const figures = (currency: string): CurrencyFigures => ({
  ...blankFigures(currency),
  minutes: hourUpTo(MINUTE, []),
  topProducts: [tea],
});
const BASE: Snapshot = {
  scope: "*",
  epoch: 1,
  version: 7,
  asOf: "2026-11-22T10:00:01.000Z",
  ageMs: 12,
  stale: false,
  source: "live",
  minute: MINUTE,
  currencies: [figures("EUR"), figures("USD")],
};

Deno.test("applyPatch() leaves what has not changed the same object, for views that compare", () => {
  const [eur, usd] = BASE.currencies;
  assertStrictEquals(applyPatch(BASE, { ageMs: 13 }).currencies, BASE.currencies);
  const next = applyPatch(BASE, {
    ageMs: 1,
    currencies: [{ currency: "USD", today: { orders: 1 } }],
  });
  assertStrictEquals(next.currencies[0], eur);
  assertStrictEquals(next.currencies[1]?.minutes, usd?.minutes);
  assertStrictEquals(next.currencies[1]?.topProducts, usd?.topProducts);
  const moved = applyPatch(BASE, { ageMs: 1, minute: "2026-11-22T10:01:00.000Z" });
  assertStrictEquals(moved.currencies[0]?.minutes[0], eur?.minutes[1]);
});

Deno.test("applyPatch() puts a new currency in its place by code", () => {
  const currencies = ["AUD", "JPY"].map((currency) => ({ currency, hasDetail: true }));
  const codes = applyPatch(BASE, { ageMs: 1, currencies }).currencies.map(({ currency }) =>
    currency
  );
  assertEquals(codes, ["AUD", "EUR", "JPY", "USD"]);
});

Deno.test("applyPatch() throws where a patch names what the base does not have, and changes nothing", () => {
  const of = (change: object) => ({ currencies: [{ currency: "EUR", ...change }] });
  const unfit: Record<string, object> = {
    "there is no JPY to remove": { currencies: [{ currency: "JPY", removed: true }] },
    "there is no product at place 1": of({ topProducts: [1] }),
    "there is no product at place 2": of({ topProducts: [[2, "1", "1"]] }),
    "there is no product at place -1": of({ topProducts: [-1] }),
    "there is no minute 60 before the last": of({ minutes: [[60, 1, "1", "1"]] }),
    "there is no minute -1 before the last": of({ minutes: [[-1, 1, "1", "1"]] }),
    "its minute is no time": { minute: "soon" },
  };
  const copy = structuredClone(BASE);
  for (const [why, patch] of Object.entries(unfit)) {
    const thrown = assertThrows(() => applyPatch(BASE, patch as SnapshotPatch), UnfitPatch);
    assertEquals(thrown.message, `the patch does not fit: ${why}`);
  }
  assertEquals(BASE, copy);
});

Deno.test("applyUpdate() shows a full update whatever came before, and a patch of what is shown alone", () => {
  const full = applyUpdate(null, { kind: "full", number: 1, snapshot: BASE });
  assertEquals(full, { number: 1, snapshot: BASE });
  const patch = { kind: "patch", number: 2, base: 1, patch: { version: 8, ageMs: 5 } } as const;
  const patched = applyUpdate(full, patch);
  assertEquals(patched, { number: 2, snapshot: { ...BASE, version: 8, ageMs: 5 } });
  for (const shown of [null, patched]) {
    assertThrows(() => applyUpdate(shown, patch), UnfitPatch, "it changes update 1");
  }
  assertEquals(applyUpdate(patched, { kind: "full", number: 1, snapshot: BASE }), full);
});
