/** Patches between any two snapshots: the client's half undoes the server's half. */
import { assert, assertEquals, assertLess } from "@std/assert";
import fc from "fast-check";
import {
  blankFigures,
  hourUpTo,
  type SnapshotPatch,
} from "../../../../client/contract/live_update.ts";
import type { CurrencyFigures, Snapshot } from "../../../../client/contract/snapshot.ts";
import { applyPatch } from "../../../../client/live/patch.ts";
import { patchOf } from "../../../../server/live/updates/snapshot_patch.ts";
import { anySnapshot } from "../../../support/doubles/figures_world.ts";

const SEED = 20_261_128;
const TEN = "2026-11-22T10:00:00.000Z";
const ELEVEN_PAST = "2026-11-22T10:11:00.000Z";

const EUR: CurrencyFigures = {
  currency: "EUR",
  today: {
    orders: 812,
    units: "1604",
    revenueMinor: "731250",
    cancelledOrders: 3,
    cancelledRevenueMinor: "2700",
  },
  last60m: {
    orders: 102,
    units: "204",
    revenueMinor: "91800",
    cancelledOrders: 0,
    cancelledRevenueMinor: "0",
  },
  hasDetail: true,
  minutes: hourUpTo(TEN, []).map(({ minute }, index) => ({
    minute,
    orders: index,
    units: String(2 * index),
    revenueMinor: String(900 * index),
  })),
  topProducts: ["tea", "cup", "pot"].map((sku, index) => ({
    sku,
    units: String(90 - index),
    revenueMinor: String(40_500 - index),
  })),
};
const BASE: Snapshot = {
  scope: "*",
  epoch: 1,
  version: 7,
  asOf: "2026-11-22T10:00:01.000Z",
  ageMs: 12,
  stale: false,
  source: "live",
  minute: TEN,
  currencies: [EUR],
};
const with_ = (parts: Partial<CurrencyFigures>, more: Partial<Snapshot> = {}): Snapshot => ({
  ...BASE,
  ...more,
  currencies: [{ ...EUR, ...parts }],
});

/** The patch as it arrives. */
function patchTo(next: Snapshot, base = BASE): SnapshotPatch {
  const patch = patchOf(base, next);
  assert(patch !== null);
  const sent = JSON.parse(JSON.stringify(patch)) as SnapshotPatch;
  assertEquals(applyPatch(base, sent), next);
  return sent;
}

Deno.test("a patch makes the next snapshot of its base, for any two snapshots of a scope", () => {
  fc.assert(
    fc.property(anySnapshot, anySnapshot, (base, next) => {
      const copy = structuredClone(base);
      patchTo(next, base);
      assertEquals(base, copy, "the base stays as it is");
    }),
    { seed: SEED, numRuns: 2_000 },
  );
});

Deno.test("a patch of equal snapshots tells the age alone", () => {
  fc.assert(
    fc.property(
      anySnapshot,
      (base) => assertEquals(patchTo(structuredClone(base), base), { ageMs: base.ageMs }),
    ),
    { seed: SEED },
  );
});

Deno.test("a patch holds only what has changed", () => {
  assertEquals(patchTo({ ...BASE, ageMs: 40, version: 8 }), { version: 8, ageMs: 40 });
  assertEquals(patchTo(with_({ today: { ...EUR.today, orders: 813 } }, { stale: true })), {
    stale: true,
    ageMs: 12,
    currencies: [{ currency: "EUR", today: { orders: 813 } }],
  });
  const [tea, cup, pot] = EUR.topProducts as [
    CurrencyFigures["topProducts"][number],
    CurrencyFigures["topProducts"][number],
    CurrencyFigures["topProducts"][number],
  ];
  const spoon = { sku: "spoon", units: "1", revenueMinor: "1" };
  const topProducts = [cup, { ...tea, units: "91" }, spoon, pot];
  assertEquals(patchTo(with_({ topProducts })).currencies, [{
    currency: "EUR",
    topProducts: [1, [0, "91", tea.revenueMinor], spoon, 2],
  }]);
  assertEquals(patchTo(with_({ topProducts: [tea, cup] })).currencies, [{
    currency: "EUR",
    topProducts: [0, 1],
  }]);
});

Deno.test("minutes of a patch are told by their distance from the newest one", () => {
  const minutes = EUR.minutes.map((sums, index) => index < 58 ? sums : { ...sums, orders: 1 });
  assertEquals(patchTo(with_({ minutes })).currencies, [{
    currency: "EUR",
    minutes: [[1, 1, "116", "52200"], [0, 1, "118", "53100"]],
  }]);
});

Deno.test("a turn of the minute, or a gap of many, moves the windows without a word of them", () => {
  for (const minute of ["2026-11-22T10:01:00.000Z", ELEVEN_PAST, "2026-11-22T14:00:00.000Z"]) {
    const minutes = hourUpTo(minute, EUR.minutes);
    assertEquals(patchTo(with_({ minutes }, { minute })), { minute, ageMs: 12 });
  }
  const minutes = hourUpTo(ELEVEN_PAST, EUR.minutes);
  minutes[52] = { ...minutes[52]!, orders: 5 };
  assertEquals(patchTo(with_({ minutes }, { minute: ELEVEN_PAST })).currencies, [{
    currency: "EUR",
    minutes: [[7, 5, "0", "0"]],
  }]);
});

Deno.test("minutes that become empty are null, and empty ones begin blank", () => {
  const empty = with_({ minutes: [] });
  assertEquals(patchTo(empty).currencies, [{ currency: "EUR", minutes: null }]);
  const minutes = hourUpTo(TEN, []);
  assertEquals(patchTo(with_({ minutes }), empty).currencies, [{ currency: "EUR", minutes: [] }]);
  minutes[59] = { ...minutes[59]!, orders: 1 };
  assertEquals(patchTo(with_({ minutes }), empty).currencies, [{
    currency: "EUR",
    minutes: [[0, 1, "0", "0"]],
  }]);
});

Deno.test("a currency that loses its detail loses both lists, and gets them back", () => {
  const plain = with_({ hasDetail: false, minutes: [], topProducts: [] });
  const lost = { currency: "EUR", hasDetail: false, minutes: null, topProducts: [] };
  assertEquals(patchTo(plain).currencies, [lost]);
  assertEquals(patchTo(BASE, plain).currencies?.[0]?.minutes?.length, 59);
});

Deno.test("a currency that is new or gone is told by its code", () => {
  const jpy = { ...blankFigures("JPY"), today: { ...EUR.today, orders: 1 } };
  const both = { ...BASE, currencies: [EUR, jpy] };
  assertEquals(patchTo({ ...both, currencies: [jpy] }, both).currencies, [
    { currency: "EUR", removed: true },
  ]);
  assertEquals(patchTo(both).currencies?.map(({ currency }) => currency), ["JPY"]);
  const blank = { ...BASE, currencies: [blankFigures("CHF"), EUR] };
  assertEquals(patchTo(blank).currencies, [{ currency: "CHF" }]);
});

Deno.test("snapshots of two scopes or epochs have no patch, and neither has an odd form", () => {
  const twice = { ...BASE, currencies: [EUR, EUR] };
  const short = with_({ minutes: EUR.minutes.slice(1) });
  const late = with_({}, { minute: ELEVEN_PAST });
  const local = with_({ minutes: [] }, { minute: "2026-11-22T11:00:00+01:00" });
  for (const odd of [{ ...BASE, scope: "a" }, { ...BASE, epoch: 2 }, twice, short, late, local]) {
    assertEquals([patchOf(BASE, odd), patchOf(odd, BASE)], [null, null]);
  }
});

Deno.test("an order more makes a patch of less than a tenth of the frame", () => {
  const one = { ...EUR.today, orders: 813, units: "1606", revenueMinor: "732150" };
  const minutes = EUR.minutes.with(59, { ...EUR.minutes[59]!, orders: 60, units: "120" });
  const next = with_({ today: one, last60m: { ...EUR.last60m, orders: 103 }, minutes }, {
    version: 8,
    asOf: "2026-11-22T10:00:02.000Z",
    ageMs: 9,
  });
  assertLess(JSON.stringify(patchTo(next)).length, JSON.stringify(next).length / 10);
});
