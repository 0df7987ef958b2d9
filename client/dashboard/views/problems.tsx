/**
 * The problems that stand, each with its cause and the time of its begin.
 * Tested in tests/page/problems_test.ts.
 */
import { type ReadonlySignal, useComputed } from "@preact/signals";
import type { Dashboard } from "../data/dashboard.ts";
import { formatAge, formatMoment } from "../data/format.ts";
import { type ShownProblem, shownProblems } from "../data/problem_words.ts";

export interface ProblemsProps {
  readonly dashboard: Dashboard;
  readonly now: ReadonlySignal<number>;
}

export function Problems({ dashboard, now }: ProblemsProps) {
  const serverNow = useComputed(() => now.value + dashboard.clockOffsetMs.value);
  const status = dashboard.status.value;
  const problems = shownProblems(status?.problems);
  if (status === null || problems.length === 0) return null;
  return (
    <section aria-labelledby="problems-title">
      <h3 id="problems-title">Problems</h3>
      <ul class="panel problems">
        {problems.map((problem) => (
          <ProblemItem key={problem.name} problem={problem} now={serverNow} />
        ))}
      </ul>
    </section>
  );
}

interface ProblemItemProps {
  readonly problem: ShownProblem;
  readonly now: ReadonlySignal<number>;
}

function ProblemItem({ problem: { name, tone, title, since, detail }, now }: ProblemItemProps) {
  const moment = useComputed(() => formatMoment(since, now.value));
  const age = useComputed(() => formatAge(now.value - Date.parse(since)));
  return (
    <li data-testid={`problem-${name}`}>
      <span class="tone" data-tone={tone}>{title}</span>{" "}
      <small class="when">since {moment} ({age})</small>
      <p>{detail}</p>
    </li>
  );
}
