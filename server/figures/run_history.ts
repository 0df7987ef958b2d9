/**
 * The run history of this instance's folds, on its way to the database. Runs are gathered and written
 * together every few seconds, so that no fold pays a commit for the history. Runs that the database
 * did not take wait, within a bound. The last seconds of a killed instance are missing.
 */
import { classify } from "../../sql/connection/failure.ts";
import type { FoldRun } from "../../actors/aggregator/machine.ts";
import { every } from "../every.ts";
import type { Hints } from "../telemetry/hints.ts";
import type { FoldRunRecord } from "../../sql/figures/fold_runs.ts";

export interface RunHistoryOptions {
  readonly write: (runs: readonly (FoldRunRecord & { agoMs: number })[]) => Promise<void>;
  /** Monotonic, milliseconds. */
  readonly now: () => number;
  readonly hints: Hints;
}

const WRITE_EVERY_MS = 5_000;
const MAX_WAITING = 1_000;

type Waiting = FoldRunRecord & { readonly endedAt: number };

export interface RunHistory {
  /** Takes in a run that has ended. One that found nothing to do is no history. */
  add(run: FoldRun): void;
  /** Writes the runs that wait, if the database takes them. */
  stop(): Promise<void>;
}

/** Starts a history that is written every few seconds. */
export function startRunHistory({ write, now, hints }: RunHistoryOptions): RunHistory {
  let waiting: Waiting[] = [];
  const flush = async () => {
    if (waiting.length === 0) return;
    const runs = waiting;
    waiting = [];
    const at = now();
    const aged = runs.map(({ endedAt, ...run }) => ({ ...run, agoMs: at - endedAt }));
    const written = await hints.run("fold history", () => write(aged).then(() => true));
    if (written === null) waiting = [...runs, ...waiting].slice(-MAX_WAITING);
  };
  const writing = every(WRITE_EVERY_MS, flush);
  return {
    add: (run) => {
      const record = recordOf(run);
      if (record !== null) {
        waiting = [...waiting, { ...record, endedAt: now() }].slice(-MAX_WAITING);
      }
    },
    stop: async () => {
      await writing.stop();
      await flush();
    },
  };
}

function recordOf(run: FoldRun): FoldRunRecord | null {
  const nothing = { lagMs: null, journalRows: null, orders: null, epoch: null, version: null };
  if ("error" in run) {
    return { ...nothing, outcome: "failed", ms: run.ms, error: classify(run.error).code };
  }
  const { result } = run;
  if (result.outcome === "locked" || result.notice === null) return null;
  const { lagMs, journalRows, orders, epoch, version } = result;
  return {
    outcome: "folded",
    ms: run.ms,
    lagMs,
    journalRows,
    orders,
    epoch,
    version,
    error: null,
  };
}
