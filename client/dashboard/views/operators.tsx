/**
 * The operators' part: the problems and the actors. It folds away, and this browser remembers it. A
 * wall begins folded each time.
 *
 * The folded part still says which states somebody should look at.
 * Tested in tests/page/operators_test.ts.
 */
import type { ReadonlySignal } from "@preact/signals";
import { useState } from "preact/hooks";
import { Actors } from "./actors.tsx";
import type { Dashboard } from "../data/dashboard.ts";
import { worrying } from "../data/health.ts";
import { shownProblems } from "../data/problem_words.ts";
import { Problems } from "./problems.tsx";

export interface OperatorsProps {
  readonly dashboard: Dashboard;
  readonly now: ReadonlySignal<number>;
  readonly isWall: boolean;
}

const FOLDED_SLOT = "weir.operators";

export function Operators({ dashboard, now, isWall }: OperatorsProps) {
  const [isOpen, setOpen] = useState(() => !isWall && !wasFolded());
  const toggle = ({ currentTarget }: { readonly currentTarget: HTMLDetailsElement }) => {
    setOpen(currentTarget.open);
    if (!isWall) rememberFolded(!currentTarget.open);
  };
  return (
    <details class="operators" open={isOpen} onToggle={toggle}>
      <summary>
        <h2>Operators' part</h2> <Worries dashboard={dashboard} />
      </summary>
      <Problems dashboard={dashboard} now={now} />
      <Actors dashboard={dashboard} now={now} />
    </details>
  );
}

/** The states to look at, in a few words. */
function Worries({ dashboard: { status, connection } }: { readonly dashboard: Dashboard }) {
  if (status.value === null) return null;
  const states = worrying(status.value);
  const problems = shownProblems(status.value.problems).filter(({ tone }) => tone !== "quiet");
  const words = [
    ...states.map(({ name, state }) => `${name}: ${state.replaceAll("_", " ")}`),
    ...problems.map(({ title }) => title),
  ];
  const tones = [...states.map(({ health }) => health.tone), ...problems.map(({ tone }) => tone)];
  const worst = tones.includes("bad") ? "bad" : tones[0] ?? "good";
  const tone = connection.value === "connected" ? worst : "quiet";
  return (
    <span class="tone" data-tone={tone} data-testid="worries">
      {words.length === 0 ? "all is well" : words.join(", ")}
    </span>
  );
}

function wasFolded(): boolean {
  try {
    return localStorage.getItem(FOLDED_SLOT) === "folded";
  } catch {
    return false;
  }
}

function rememberFolded(isFolded: boolean): void {
  try {
    if (isFolded) localStorage.setItem(FOLDED_SLOT, "folded");
    else localStorage.removeItem(FOLDED_SLOT);
  } catch {
    // A browser that keeps nothing shows the part unfolded the next time.
  }
}
