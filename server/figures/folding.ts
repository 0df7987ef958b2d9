/**
 * Folding in one instance: the aggregator that makes the folds, and the history of its runs.
 */
import { type Aggregator, startAggregator } from "../../actors/aggregator/aggregator.ts";
import type { FoldRun } from "../../actors/aggregator/machine.ts";
import { systemClock } from "../../actors/clock.ts";
import type { Database } from "../../sql/connection/database.ts";
import { isForbidden } from "../../sql/connection/failure.ts";
import { foldJournal, type FoldResult } from "../../sql/figures/fold.ts";
import { checkIdentity } from "../../sql/figures/identity.ts";
import { recordRuns } from "../../sql/figures/fold_runs.ts";
import type { Notice } from "../../sql/figures/notices.ts";
import type { NewestPosition } from "../../sql/figures/position.ts";
import type { Config } from "../config.ts";
import { tellBug } from "../telemetry/bugs.ts";
import type { Hints } from "../telemetry/hints.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import type { Streak } from "../telemetry/streak.ts";
import { startRunHistory } from "./run_history.ts";

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
    fold: foldKnowing(database, newest, hints),
    intervalMs: config.aggregatorIntervalMs,
    minGapMs: config.aggregatorMinGapMs,
    clock: systemClock,
    random: Math.random,
    onRun,
    onBug: (error) => tellBug("a bug in the aggregator", error),
  });
  return { aggregator, stopHistory: () => history.stop() };
}

/** A role that may not read the database's identity tries again this often. */
const IDENTITY_EVERY_MS = 60_000;

/** The fold, with as much of the database's identity as this role may read. */
function foldKnowing(
  { fold, read }: Database,
  newest: NewestPosition,
  hints: Hints,
): (mostEntries: number) => Promise<FoldResult> {
  let fullFrom = -Infinity;
  return async (mostEntries) => {
    if (systemClock.now() < fullFrom) {
      return await foldJournal(fold, newest.position, mostEntries, "weak");
    }
    try {
      const result = await foldJournal(fold, newest.position, mostEntries);
      hints.runNow("database identity", () => undefined);
      return result;
    } catch (error) {
      if (!isForbidden(error)) throw error;
      const known = await hints.run("database identity", () => checkIdentity(read));
      if (known === true) throw error; // something else is forbidden
      fullFrom = systemClock.now() + IDENTITY_EVERY_MS;
      return await foldJournal(fold, newest.position, mostEntries, "weak");
    }
  };
}
