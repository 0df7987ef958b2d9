/**
 * Auditing in one instance: the auditor, the drift that it knows of, and what it counts.
 *
 * Each audit checks known drift again. So drift is known until it is mended, also by another
 * instance or by hand.
 *
 * Tested in tests/server/ops/problems_test.ts.
 */
import { type Auditor, startAuditor } from "../../actors/auditor/auditor.ts";
import type { EndedAudit } from "../../actors/auditor/machine.ts";
import { systemClock } from "../../actors/clock.ts";
import type { AuditorStatus } from "../../client/contract/ops_status.ts";
import type { AuditReport } from "../../client/contract/ops_runs.ts";
import type { Database } from "../../sql/connection/database.ts";
import { auditRollups, type BucketName } from "../../sql/figures/audit/audit.ts";
import { tellBug } from "../telemetry/bugs.ts";
import { getLogger } from "../telemetry/log.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import type { Streak } from "../telemetry/streak.ts";

const log = getLogger(["weir"]);

export interface Auditing extends Auditor {
  status(): AuditorStatus;
  /** The first of the buckets that drifted, by name. */
  driftedBuckets(): readonly string[];
}

export interface AuditingOptions {
  readonly database: Database;
  readonly metrics: Metrics;
  /** Gets the outcome of each audit. */
  readonly streak: Streak;
}

/** So many names fit in one line of the log. */
const NAMED = 3;

/**
 * Starts the auditor. Its `stop` cuts off an audit under way, because an audit may take a minute
 * and the stop must not wait for it.
 */
export function startAuditing({ database, metrics, streak }: AuditingOptions): Auditing {
  const drift = new KnownDrift();
  let latest: Omit<AuditorStatus, "drifted"> = { lastRunAt: null, checked: 0 };
  const onEnded = (audit: EndedAudit) => {
    const isReport = "report" in audit;
    latest = { lastRunAt: new Date().toISOString(), checked: isReport ? audit.report.checked : 0 };
    if (!isReport) return streak.failed(audit.error);
    if (audit.report.skipped !== undefined) return streak.failed(new Skipped());
    streak.succeeded();
    metrics.driftedBuckets.inc(new Set(audit.report.drifted.map(nameOf)).size);
  };
  const auditor = startAuditor({
    audit: async (buckets) => {
      const again = drift.next();
      const report = await auditRollups(database.audit, buckets, Math.random, again);
      if (report.skipped === undefined) drift.note(again, report);
      return report;
    },
    clock: systemClock,
    random: Math.random,
    onEnded,
    onBug: (error) => tellBug("a bug in the auditor", error),
  });
  return {
    run: (buckets) => auditor.run(buckets),
    status: () => ({ ...latest, drifted: drift.size }),
    driftedBuckets: () => drift.names(NAMED),
    stop: async () => {
      await Promise.all([auditor.stop(), database.audit.end(0)]);
    },
  };
}

class Skipped extends Error {
  constructor() {
    super("it was skipped: folds are far behind, or the journal has rows of a newer version");
    this.name = "Skipped";
  }
}

/** The most known buckets that one audit checks again. */
const MAX_AGAIN = 20;
/** When more buckets have drifted, the others are found again by chance. */
const MAX_KNOWN = 1_000;

/** The buckets that drifted, the one that was checked longest ago first. */
class KnownDrift {
  readonly #known = new Map<string, BucketName>();

  get size(): number {
    return this.#known.size;
  }

  /** The buckets that the next audit should check again. */
  next(): readonly BucketName[] {
    return [...this.#known.values()].slice(0, MAX_AGAIN);
  }

  names(count: number): readonly string[] {
    return [...this.#known.keys()].slice(0, count);
  }

  /** Takes in a report. @param again the known buckets that it has checked. */
  note(again: readonly BucketName[], { drifted }: AuditReport): void {
    const before = new Set(again.map(nameOf));
    for (const name of before) this.#known.delete(name);
    for (const { scope, bucket, ...drift } of drifted) {
      const name = nameOf({ scope, bucket });
      if (this.#known.size < MAX_KNOWN) this.#known.set(name, { scope, bucket });
      if (!before.has(name)) log.info(`drift in ${name}`, { scope, bucket, ...drift });
    }
  }
}

/** `store-1 at 2026-11-22`. */
function nameOf({ scope, bucket }: BucketName): string {
  return `${scope} at ${bucket}`;
}
