import { assert, assertEquals } from "@std/assert";
import {
  PROBLEM_NAMES,
  type ProblemName,
  type StandingProblem,
} from "../../../../client/contract/ops_status.ts";
import { shownProblems } from "../../../../client/dashboard/data/problem_words.ts";

const standing = (parts: Partial<StandingProblem>): StandingProblem => ({
  name: "database_out",
  since: "2026-11-22T10:00:00.000Z",
  detail: "ECONNREFUSED",
  counts: {},
  ...parts,
});

Deno.test("each problem of the contract has a title of its own", () => {
  const titles = shownProblems(PROBLEM_NAMES.map((name) => standing({ name })))
    .map(({ title }) => title);
  assertEquals(new Set(titles).size, PROBLEM_NAMES.length);
  for (const title of titles) assert(/^[A-Z]/.test(title), title);
});

Deno.test("a problem is shown with its cause and its figures", () => {
  assertEquals(shownProblems([standing({ counts: { spilledOrders: 3, queuedOrders: 0 } })]), [{
    name: "database_out",
    tone: "bad",
    title: "The database is out",
    since: "2026-11-22T10:00:00.000Z",
    detail: "ECONNREFUSED; spilled orders: 3; queued orders: 0",
  }]);
});

Deno.test("a problem of a newer instance is shown as it is, and an older instance has none", () => {
  const [problem] = shownProblems([standing({ name: "moon_away" as ProblemName })]);
  assertEquals([problem?.title, problem?.tone], ["moon away", "watch"]);
  assertEquals(shownProblems(undefined), []);
});
