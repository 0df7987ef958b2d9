/**
 * The one list of problems. A problem that is not in it is not said by anybody.
 */
import { PROBLEM_NAMES, type ProblemName } from "../../../client/contract/ops_status.ts";
import { DATABASE_PROBLEMS } from "./database_problems.ts";
import { FIGURE_PROBLEMS } from "./figure_problems.ts";
import { INSTANCE_PROBLEMS } from "./instance_problems.ts";
import { OVERFLOW_PROBLEMS } from "./overflow_problems.ts";
import type { ProblemRule } from "./rule.ts";

const RULES: ReadonlyMap<ProblemName, ProblemRule> = new Map(
  [...DATABASE_PROBLEMS, ...FIGURE_PROBLEMS, ...OVERFLOW_PROBLEMS, ...INSTANCE_PROBLEMS]
    .map((rule) => [rule.name, rule]),
);

/** Every problem, in the order of the contract. */
export const PROBLEMS: readonly ProblemRule[] = PROBLEM_NAMES.map((name) => {
  const rule = RULES.get(name);
  if (rule === undefined) throw new Error(`the problem ${name} has no rule`);
  return rule;
});
