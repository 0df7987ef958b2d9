/** The tables of states and events against the machines, each cell in simulated time. */
import { assertEquals } from "@std/assert";
import { machines } from "../support/machines/page.ts";
import type { Reaction } from "../support/machines/reactions.ts";

for (const { title, machine, regions } of machines) {
  for (const { path, checks } of regions) {
    const name = path === "" ? title : `${title}, ${path}`;
    Deno.test(`${name}: each state answers each event as the table says`, async () => {
      const found: string[] = [];
      const expected: string[] = [];
      for (const check of checks) {
        const cell = [check.state, check.event, check.given ?? "otherwise"].join(" / ");
        expected.push(`${cell}: ${said(check.expected)}`);
        found.push(`${cell}: ${said(await check.run())}`);
      }
      assertEquals(found, expected);
    });
  }

  Deno.test(`${title}: a state that is left at once always has a way out`, () => {
    for (const { path, checks } of regions) {
      for (const { state, expected } of checks) {
        if (typeof expected === "string" || !("passes" in expected)) continue;
        const id = [machine.id, path, state].filter((part) => part !== "").join(".");
        const ways = machine.getStateNodeById(id).always ?? [];
        assertEquals(ways.at(-1)?.guard, undefined, `the last way out of ${id} has a guard`);
        assertEquals(ways.length > 0, true, `${id} has no way out`);
      }
    }
  });
}

/** A reaction without the words that only explain it. */
function said(reaction: Reaction): string {
  if (typeof reaction === "string") return reaction;
  if ("to" in reaction) return `to ${reaction.to}`;
  return "stays" in reaction ? "stays" : "left at once";
}
