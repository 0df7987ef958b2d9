/**
 * Everything about folds in one instance: the aggregator that makes them, their history, and the
 * auditor that holds what they made against a recount.
 */
import { type Aggregator, createAggregator } from "../../actors/aggregator/aggregator.ts";
import type { FoldRun } from "../../actors/aggregator/machine.ts";
import { type Auditor, createAuditor } from "../../actors/auditor/auditor.ts";
import type { EndedAudit } from "../../actors/auditor/machine.ts";
import { systemClock } from "../../actors/clock.ts";
import { auditRollups } from "../../sql/figures/audit.ts";
import type { Database } from "../../sql/connection/database.ts";
import { foldJournal } from "../../sql/figures/fold.ts";
import { recordRuns } from "../../sql/figures/fold_runs.ts";
import type { Notice } from "../../sql/figures/notices.ts";
import type { NewestPosition } from "../../sql/figures/position.ts";
import { deleteOutdated } from "../../sql/figures/retention.ts";
import { Chore } from "../ops/chore.ts";
import type { Config } from "../config.ts";
import { RunHistory } from "./run_history.ts";
import { describe, getLogger } from "../telemetry/log.ts";
import type { Metrics } from "../telemetry/metrics.ts";

const log = getLogger(["weir"]);

const DELETE_EVERY_MS = 300_000;

export interface FoldingOptions {
  readonly config: Config;
  readonly database: Database;
  readonly instanceId: string;
  readonly metrics: Metrics;
  /** The newest position that this database was seen to have, by whoever looked. */
  readonly newest: NewestPosition;
  /** Called after the COMMIT of a fold that changed something. */
  readonly publish: (notice: Notice) => void;
}

export interface Folding {
  readonly aggregator: Aggregator;
  readonly auditor: Auditor;
  /** Ends what is left when the aggregator has been stopped. */
  stop(): Promise<void>;
}

/** Starts folding, auditing, and the deletion of what is past its time. */
export function startFolding(options: FoldingOptions): Folding {
  const { database, instanceId } = options;
  const history = new RunHistory({
    write: (runs) => recordRuns(database.read, instanceId, runs),
    now: systemClock.now,
  });
  const deletion = new Chore(
    "the deletion of old rollups",
    () => deleteOutdated(database.read),
    DELETE_EVERY_MS,
  );
  const aggregator = startAggregator(options, history);
  const auditor = startAuditor(options);
  return {
    aggregator,
    auditor,
    stop: async () => {
      // An audit may take a minute, and nobody waits for this one any more.
      await Promise.all([auditor.stop(), database.audit.end(0)]);
      await Promise.all([history.stop(), deletion.stop()]);
    },
  };
}

function startAggregator(
  { config, database, metrics, newest, publish }: FoldingOptions,
  history: RunHistory,
): Aggregator {
  const onRun = (run: FoldRun) => {
    history.add(run);
    metrics.runSeconds.observe(run.ms / 1_000);
    metrics.runs.inc({ outcome: "error" in run ? "failed" : run.result.outcome });
    if ("error" in run) log.info(`a fold failed: ${describe(run.error)}`);
    else if (run.result.outcome === "folded") {
      newest.see(run.result);
      if (run.result.notice !== null) publish(run.result.notice);
    }
  };
  return createAggregator({
    fold: (mostEntries) => foldJournal(database.fold, newest.position, mostEntries),
    intervalMs: config.aggregatorIntervalMs,
    minGapMs: config.aggregatorMinGapMs,
    clock: systemClock,
    random: Math.random,
    onRun,
    onBug: (error) => log.fatal(`a bug in the aggregator: ${describe(error)}`),
  });
}

function startAuditor({ database, metrics }: FoldingOptions): Auditor {
  const onEnded = (audit: EndedAudit) => {
    if ("error" in audit) return log.info(`an audit failed: ${describe(audit.error)}`);
    metrics.driftedBuckets.inc(audit.report.drifted.length);
    for (const { scope, bucket, ...drift } of audit.report.drifted) {
      log.error(`drift in ${scope} at ${bucket}: run the task rebuild`, {
        scope,
        bucket,
        ...drift,
      });
    }
  };
  return createAuditor({
    audit: (buckets) => auditRollups(database.audit, buckets),
    clock: systemClock,
    random: Math.random,
    onEnded,
    onBug: (error) => log.fatal(`a bug in the auditor: ${describe(error)}`),
  });
}
