import { assert, assertEquals } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import { blankFigures } from "../../../../client/contract/live_update.ts";
import type { CurrencyFigures, Snapshot } from "../../../../client/contract/snapshot.ts";
import { LiveUpdates, LOOK_EVERY_MS } from "../../../../server/live/updates/live_updates.ts";

function snapshotOf(version: number, currencies?: readonly CurrencyFigures[]): Snapshot {
  const blank = blankFigures("EUR");
  return {
    scope: "*",
    epoch: 1,
    version,
    asOf: "2026-11-22T10:00:01.000Z",
    ageMs: 0,
    stale: false,
    source: "live",
    minute: "2026-11-22T10:00:00.000Z",
    currencies: currencies ?? [{ ...blank, today: { ...blank.today, orders: version } }],
  };
}

const kindsOf = (updates: LiveUpdates, snapshots: readonly Snapshot[]) =>
  snapshots.map((snapshot) => {
    const update = updates.next(snapshot);
    return update.kind === "full" ? `${update.number} full` : `${update.number} of ${update.base}`;
  });

Deno.test("the first update is full, and each later one is a patch of the one before", () => {
  using updates = new LiveUpdates();
  const kinds = kindsOf(updates, [1, 2, 2, 5].map((version) => snapshotOf(version)));
  assertEquals(kinds, ["1 full", "2 of 1", "3 of 2", "4 of 3"]);
});

Deno.test("a new epoch has a full update, and its frames have patches again", () => {
  using updates = new LiveUpdates();
  const epoch = (version: number) => ({ ...snapshotOf(version), epoch: 2 });
  const kinds = kindsOf(updates, [snapshotOf(1), snapshotOf(2), epoch(1), epoch(2)]);
  assertEquals(kinds, ["1 full", "2 of 1", "3 full", "4 of 3"]);
});

Deno.test("a patch that is no smaller than the frame is sent as a full one", () => {
  using updates = new LiveUpdates();
  const codes = (from: number) =>
    Array.from({ length: 20 }, (_, at) => blankFigures(`A${from + at}`));
  const kinds = kindsOf(updates, [
    snapshotOf(1, codes(10)),
    snapshotOf(2, []),
    snapshotOf(3, codes(10).slice(0, 1)),
  ]);
  assertEquals(kinds, ["1 full", "2 full", "3 of 2"]);
});

Deno.test("subscribers that go from one frame to another share the changes, and nothing else", () => {
  const [one, two] = [snapshotOf(1), snapshotOf(2)];
  const patches = [10, 20].map((ageMs) => {
    using updates = new LiveUpdates();
    updates.next(one);
    const update = updates.next({ ...two, ageMs });
    assert(update.kind === "patch");
    return update.patch;
  });
  assertEquals(patches.map(({ ageMs }) => ageMs), [10, 20]);
  assert(patches[0]?.currencies !== undefined && patches[0].currencies === patches[1]?.currencies);
});

Deno.test("a frame that nobody has followed for two looks is forgotten, and a full one comes", () => {
  using time = new FakeTime();
  using updates = new LiveUpdates();
  assertEquals(kindsOf(updates, [snapshotOf(1)]), ["1 full"]);
  time.tick(LOOK_EVERY_MS);
  assertEquals(kindsOf(updates, [snapshotOf(2)]), ["2 of 1"]);
  time.tick(2 * LOOK_EVERY_MS - 1);
  assertEquals(kindsOf(updates, [snapshotOf(3)]), ["3 of 2"]);
  time.tick(2 * LOOK_EVERY_MS);
  assertEquals(kindsOf(updates, [snapshotOf(4), snapshotOf(5)]), ["4 full", "5 of 4"]);
});
