import { assertEquals, assertStrictEquals } from "@std/assert";
import { blankFigures } from "../../../../client/contract/live_update.ts";
import { MAX_BASES, SharedPatches } from "../../../../server/live/updates/shared_patches.ts";
import {
  currencyPatches,
  type DatedFigures,
} from "../../../../server/live/updates/snapshot_patch.ts";

/** A frame of its own with so many orders. */
function frameOf(orders: number): DatedFigures {
  const blank = blankFigures("EUR");
  const currencies = [{ ...blank, today: { ...blank.today, orders } }];
  return { minute: "2026-11-22T10:00:00.000Z", currencies };
}

function counting() {
  let found = 0;
  const shared = new SharedPatches((base, next) => {
    found++;
    return currencyPatches(base, next);
  });
  return { shared, found: () => found };
}

Deno.test("the patch from one frame to another is found once, and is the same for everybody", () => {
  const { shared, found } = counting();
  const [one, two, three] = [frameOf(1), frameOf(2), frameOf(3)];
  const first = shared.of(one, three);
  assertEquals(first, [{ currency: "EUR", today: { orders: 3 } }]);
  assertStrictEquals(shared.of({ ...one }, { ...three }), first);
  assertEquals(shared.of(two, three), first);
  assertEquals(shared.of(one, two), [{ currency: "EUR", today: { orders: 2 } }]);
  assertEquals(found(), 3);
});

Deno.test("the same frame again has no changes, and nothing is compared", () => {
  const { shared, found } = counting();
  const one = frameOf(1);
  assertEquals([shared.of(one, { ...one }), found()], [[], 0]);
});

Deno.test("a frame has patches from sixteen others, and more subscribers get it in full", () => {
  const { shared, found } = counting();
  const [bases, next] = [
    Array.from({ length: MAX_BASES + 3 }, (_, at) => frameOf(at)),
    frameOf(99),
  ];
  for (let round = 0; round < 2; round++) {
    const full = bases.filter((base) => shared.of(base, next) === null);
    assertEquals(full, bases.slice(16));
  }
  assertEquals(found(), 16);
});

Deno.test("a frame without a patch is looked at once too", () => {
  const { shared, found } = counting();
  const odd = { ...frameOf(2), minute: "soon" };
  assertEquals([shared.of(frameOf(1), odd), shared.of(odd, frameOf(1)), found()], [null, null, 2]);
  const base = frameOf(1);
  assertEquals([shared.of(base, odd), shared.of(base, odd), found()], [null, null, 3]);
});
