import { assert, assertEquals } from "@std/assert";
import { ByteBudget } from "../../../../server/front/connections/byte_budget.ts";

Deno.test("a budget has a bound for all and one for each owner, and gets everything back", () => {
  const budget = new ByteBudget(100, 40);
  const first = budget.open("a");
  assert(first.take(30));
  const second = budget.open("a");
  assert(!second.take(11), "the owner's bound");
  assertEquals([second.fits(11), second.fits(10)], [false, true]);
  assert(second.take(10));
  const others = ["b", "c"].map((owner) => budget.open(owner));
  assert(others[0]!.take(40));
  assert(!others[1]!.take(21), "the bound of all");
  assertEquals(budget.bytes, 80);
  first.giveBack();
  first.giveBack();
  assert(others[1]!.take(40));
  for (const share of [second, ...others]) share.giveBack();
  assertEquals(budget.bytes, 0);
  assert(first.take(40), "a share may be used again");
});
