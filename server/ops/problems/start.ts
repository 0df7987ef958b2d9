/**
 * The watch over the problems of one instance, with its log.
 *
 * Tested in tests/server/ops/problems_test.ts.
 */
import { getLogger } from "../../telemetry/log.ts";
import { PROBLEMS } from "./list.ts";
import type { Signs } from "./signs.ts";
import { type ProblemWatch, startProblemWatch } from "./watch.ts";

const log = getLogger(["weir", "problem"]);

/** Something whose state changes. */
export interface Changing {
  onChange(listener: () => void): () => void;
}

/**
 * Starts looking for problems.
 * @param actors after a change of `states` the watch looks at once.
 */
export function watchProblems(
  signs: Signs,
  options: {
    readonly now: () => number;
    readonly actors: readonly Changing[];
    /** Must be cheap: it is read at every change of an actor. */
    readonly states: () => string;
  },
): ProblemWatch {
  const { now, actors, states } = options;
  const watch = startProblemWatch({
    rules: PROBLEMS,
    signs,
    now,
    log,
  });
  let before = states();
  const ends = actors.map((actor) =>
    actor.onChange(() => {
      const after = states();
      if (after === before) return;
      before = after;
      watch.look();
    })
  );
  return {
    ...watch,
    stop: async () => {
      for (const end of ends) end();
      await watch.stop();
    },
  };
}
