/**
 * Folding in one instance: the aggregator that makes the folds, and the history of its runs.
 */
import { type Aggregator, startAggregator } from "../../actors/aggregator/aggregator.ts";
import type { FoldRun } from "../../actors/aggregator/machine.ts";
import { systemClock } from "../../actors/clock.ts";
import type { Database } from "../../sql/connection/database.ts";
import { isForbidden } from "../../sql/connection/failure.ts";
import { foldJournal } from "../../sql/figures/fold.ts";
import { recordRuns } from "../../sql/figures/fold_runs.ts";
import type { Notice } from "../../sql/figures/notices.ts";
import type { NewestPosition } from "../../sql/figures/position.ts";
import type { Config } from "../config.ts";
import { tellBug } from "../telemetry/bugs.ts";
import type { Hints } from "../telemetry/hints.ts";
import { describe, getLogger } from "../telemetry/log.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import type { Streak } from "../telemetry/streak.ts";
import { startRunHistory } from "./run_history.ts";

const log = getLogger(["weir"]);

export interface FoldingOptions {
  readonly config: Config;
  readonly database: Database;
  readonly instanceId: string;
  readonly metrics: Metrics;
  /** Gets the outcome of each fold. */
  readonly streak: Streak;
  /** The newest position that this instance knows; a fold on a database behind it begins an epoch. */
  readonly newest: NewestPosition;
  /** Called after the COMMIT of a fold that changed something. */
  readonly publish: (notice: Notice) => void;
  readonly hints: Hints;
}

export interface Folding {
  readonly aggregator: Aggregator;
  /** Writes the history of the latest runs; the aggregator must have been stopped before. */
  stopHistory(): Promise<void>;
}

/** Starts folding. */
export function startFolding(options: FoldingOptions): Folding {
  const { config, database, instanceId, metrics, streak, newest, publish, hints } = options;
  const history = startRunHistory({
    write: (runs) => recordRuns(database.read, instanceId, runs),
    now: systemClock.now,
    hints,
  });
  const onRun = (run: FoldRun) => {
    history.add(run);
    metrics.runSeconds.observe(run.ms / 1_000);
    metrics.runs.inc({ outcome: "error" in run ? "failed" : run.result.outcome });
    if ("error" in run) return streak.failed(run.error);
    streak.succeeded();
    if (run.result.outcome === "folded") {
      newest.see(run.result);
      if (run.result.notice !== null) publish(run.result.notice);
    }
  };
  const aggregator = startAggregator({
    fold: (mostEntries) =>
      foldJournal(
        database.fold,
        newest.position,
        mostEntries,
        (refusal) => tellIdentity(refusal, hints),
      ),
    intervalMs: config.aggregatorIntervalMs,
    minGapMs: config.aggregatorMinGapMs,
    clock: systemClock,
    random: Math.random,
    onRun,
    onBug: (error) => tellBug("a bug in the aggregator", error),
  });
  return { aggregator, stopHistory: () => history.stop() };
}

/** A right that the role lacks is a failing hint, because somebody can grant it. */
function tellIdentity(refusal: unknown, hints: Hints): void {
  if (refusal !== null && !isForbidden(refusal)) {
    return log.debug(`the server withholds its identity: ${describe(refusal)}`);
  }
  hints.runNow("database identity", () => {
    if (refusal !== null) throw refusal;
  });
}
