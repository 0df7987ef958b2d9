/** Mistakes that would let a client of patches show other figures than a client of full frames. */
import type { Mutant } from "./mutant.ts";

export const PATCHES: readonly Mutant[] = [
  {
    name: "a patch that leaves the window of an unchanged currency where it was",
    file: "client/live/patch.ts",
    find: "hasMoved ? moved(one, snapshot.minute) : one",
    replace: "hasMoved && one.minutes.length < 0 ? moved(one, snapshot.minute) : one",
    tests: ["unit", "tests/server/live/updates/snapshot_patch_test.ts"],
  },
  {
    name: "a patch of another frame than the one that is shown",
    file: "client/live/patch.ts",
    find: "shown?.number !== update.base",
    replace: "shown === null || update.base < 0",
    tests: ["unit", "tests/client/live/patch_test.ts"],
  },
  {
    name: "a patch of the first frame instead of the one before",
    file: "server/live/updates/live_updates.ts",
    find: "this.#shown = snapshot;",
    replace: "this.#shown ??= snapshot;",
    tests: ["unit", "tests/server/live/updates/sequences_test.ts"],
  },
  {
    name: "a patch from one epoch to the next",
    file: "server/live/updates/snapshot_patch.ts",
    find: " || base.epoch !== next.epoch",
    replace: "",
    tests: ["unit", "tests/server/live/updates/sequences_test.ts"],
  },
  {
    name: "a subscriber that waits for its rate holds up the others of its connection",
    file: "server/router/dashboard.ts",
    find: "() => rate.whenDue(turn)",
    replace: "() => turn().then(() => rate.whenDue(() => Promise.resolve()))",
    tests: ["all", "tests/server/live/updates/live_patches_test.ts"],
  },
];
