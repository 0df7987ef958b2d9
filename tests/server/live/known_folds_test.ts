import { assertEquals } from "@std/assert";
import { KnownFolds } from "../../../server/live/known_folds.ts";
import { figuresAt } from "../../support/recount/figures.ts";
import { noticeOf } from "../../support/doubles/fake_hub.ts";

function knowing(...notices: ReturnType<typeof noticeOf>[]): KnownFolds {
  const folds = new KnownFolds();
  for (const notice of notices) folds.hear(notice);
  return folds;
}

/** Whether figures of a scope may be shown that were read when all was at `fold`. */
function allows(folds: KnownFolds, scope: string, fold: number, epoch = 1): boolean {
  return folds.allow(figuresAt(0, Math.min(1, fold), { scope, fold, epoch }));
}

Deno.test("a notice that follows the one before names what has changed; any other means all", () => {
  const folds = new KnownFolds();
  assertEquals(folds.areKnown, false);
  assertEquals(folds.hear(noticeOf(5, ["north"])), "all");
  assertEquals(folds.hear(noticeOf(6, ["north"])), ["north"]);
  assertEquals(folds.hear(noticeOf(8, ["north"])), "all");
  assertEquals(folds.hear(noticeOf(7, ["south"])), ["south"], "the one that was late");
  assertEquals(folds.hear(noticeOf(9, "all")), "all");
  assertEquals(folds.hear(noticeOf(10, ["north"], { epoch: 2 })), "all");
  assertEquals([folds.newest, folds.areKnown], [{ epoch: 2, version: 10 }, true]);
});

Deno.test("figures of the newest fold or a later one are allowed", () => {
  const folds = knowing(noticeOf(5, "all"));
  const allowed = [4, 5, 6].map((fold) => allows(folds, "north", fold));
  assertEquals(allowed, [false, true, true]);
  assertEquals([allows(folds, "north", 9, 0), allows(folds, "north", 1, 2)], [false, true]);
});

Deno.test("figures of an earlier fold are allowed when nothing has changed their scope since", () => {
  const folds = knowing(noticeOf(5, "all"), noticeOf(6, ["north"]), noticeOf(7, ["west"]));
  assertEquals([4, 5, 6].map((fold) => allows(folds, "south", fold)), [false, true, true]);
  assertEquals([5, 6, 7].map((fold) => allows(folds, "north", fold)), [false, true, true]);
  assertEquals([5, 6, 7].map((fold) => allows(folds, "west", fold)), [false, false, true]);
});

Deno.test("after a notice that was lost nothing from before is allowed", () => {
  const folds = knowing(noticeOf(5, "all"), noticeOf(7, ["west"]));
  assertEquals([5, 6, 7].map((fold) => allows(folds, "south", fold)), [false, false, true]);
});

Deno.test("what was read ahead of its notice counts, until the notices have come up to it", () => {
  const folds = knowing(noticeOf(5, "all"));
  folds.noteRead(figuresAt(0, 7, { scope: "north", fold: 7 }));
  folds.noteRead(figuresAt(0, 3, { scope: "north", fold: 6 }));
  assertEquals([5, 6, 7].map((fold) => allows(folds, "south", fold)), [false, false, true]);
  folds.hear(noticeOf(6, ["north"]));
  folds.hear(noticeOf(7, ["north"]));
  assertEquals([5, 6, 7].map((fold) => allows(folds, "south", fold)), [true, true, true]);
});

Deno.test("of more scopes than are remembered nothing wrong is said, only less", () => {
  const folds = knowing(noticeOf(5, "all"));
  const scopes = Array.from({ length: 10_001 }, (_, index) => `store-${index}`);
  folds.hear(noticeOf(6, scopes));
  assertEquals([allows(folds, "store-9", 5), allows(folds, "north", 5)], [false, true]);
  assertEquals(folds.hear(noticeOf(7, ["store-9"])), ["store-9"]);
  assertEquals([allows(folds, "north", 6), allows(folds, "north", 7)], [false, true]);
});
