import { assertEquals } from "@std/assert";
import { KnownFolds } from "../../../server/live/known_folds.ts";
import { NewestPosition } from "../../../sql/figures/position.ts";
import { figuresAt } from "../../support/recount/figures.ts";
import { noticeOf } from "../../support/doubles/fake_hub.ts";

/** Known folds after these notices. */
function knowing(...notices: ReturnType<typeof noticeOf>[]): KnownFolds {
  const folds = new KnownFolds(new NewestPosition());
  for (const notice of notices) folds.hear(notice);
  return folds;
}

/** True when figures of `scope` that were read at `fold` may be shown. */
function allows(folds: KnownFolds, scope: string, fold: number, epoch = 1): boolean {
  return folds.allow(figuresAt(0, Math.min(1, fold), { scope, fold, epoch }));
}

Deno.test("hear() answers the scopes of a notice that follows the one before, and else all scopes", () => {
  const folds = new KnownFolds(new NewestPosition());
  assertEquals(folds.areKnown, false);
  assertEquals(folds.hear(noticeOf(5, ["north"])), "all");
  assertEquals(folds.hear(noticeOf(6, ["north"])), ["north"]);
  assertEquals(folds.hear(noticeOf(8, ["north"])), "all");
  assertEquals(folds.hear(noticeOf(7, ["south"])), ["south"], "the late notice");
  assertEquals(folds.hear(noticeOf(9, "all")), "all");
  assertEquals(folds.hear(noticeOf(10, ["north"], { epoch: 2 })), "all");
  assertEquals([folds.heard, folds.areKnown], [{ epoch: 2, version: 10 }, true]);
});

Deno.test("allow() lets figures of the newest fold or a later one pass", () => {
  const folds = knowing(noticeOf(5, "all"));
  const allowed = [4, 5, 6].map((fold) => allows(folds, "north", fold));
  assertEquals(allowed, [false, true, true]);
  assertEquals([allows(folds, "north", 9, 0), allows(folds, "north", 1, 2)], [false, true]);
});

Deno.test("allow() lets figures of an earlier fold pass if no fold since has changed their scope", () => {
  const folds = knowing(noticeOf(5, "all"), noticeOf(6, ["north"]), noticeOf(7, ["west"]));
  assertEquals([4, 5, 6].map((fold) => allows(folds, "south", fold)), [false, true, true]);
  assertEquals([5, 6, 7].map((fold) => allows(folds, "north", fold)), [false, true, true]);
  assertEquals([5, 6, 7].map((fold) => allows(folds, "west", fold)), [false, false, true]);
});

Deno.test("allow() lets no figures from before a lost notice pass", () => {
  const folds = knowing(noticeOf(5, "all"), noticeOf(7, ["west"]));
  assertEquals([5, 6, 7].map((fold) => allows(folds, "south", fold)), [false, false, true]);
});

Deno.test("allow() holds figures against a read ahead of its notice, until the notices have caught up", () => {
  const folds = knowing(noticeOf(5, "all"));
  folds.newest.see({ epoch: 1, version: 7 });
  folds.newest.see({ epoch: 1, version: 6 });
  assertEquals([5, 6, 7].map((fold) => allows(folds, "south", fold)), [false, false, true]);
  folds.hear(noticeOf(6, ["north"]));
  folds.hear(noticeOf(7, ["north"]));
  assertEquals([5, 6, 7].map((fold) => allows(folds, "south", fold)), [true, true, true]);
});

Deno.test("allow() refuses more, and is never wrong, when there are too many scopes to remember", () => {
  const folds = knowing(noticeOf(5, "all"));
  const scopes = Array.from({ length: 10_001 }, (_, index) => `store-${index}`);
  folds.hear(noticeOf(6, scopes));
  assertEquals([allows(folds, "store-9", 5), allows(folds, "north", 5)], [false, true]);
  assertEquals(folds.hear(noticeOf(7, ["store-9"])), ["store-9"]);
  assertEquals([allows(folds, "north", 6), allows(folds, "north", 7)], [false, true]);
});
