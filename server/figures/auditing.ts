/**
 * Auditing in one instance: the auditor, and what is said and counted when it finds drift.
 *
 * Tested in tests/sql/figures/audit_test.ts.
 */
import { type Auditor, startAuditor } from "../../actors/auditor/auditor.ts";
import type { EndedAudit } from "../../actors/auditor/machine.ts";
import { systemClock } from "../../actors/clock.ts";
import type { Database } from "../../sql/connection/database.ts";
import { auditRollups } from "../../sql/figures/audit.ts";
import { describe, getLogger } from "../telemetry/log.ts";
import type { Metrics } from "../telemetry/metrics.ts";

const log = getLogger(["weir"]);

/**
 * Starts the auditor. Its `stop` cuts off an audit under way, because an audit may take a minute
 * and the stop must not wait for it.
 */
export function startAuditing(database: Database, metrics: Metrics): Auditor {
  const auditor = startAuditor({
    audit: (buckets) => auditRollups(database.audit, buckets),
    clock: systemClock,
    random: Math.random,
    onEnded: (audit) => tell(audit, metrics),
    onBug: (error) => log.fatal(`a bug in the auditor: ${describe(error)}`),
  });
  return {
    run: (buckets) => auditor.run(buckets),
    stop: async () => {
      await Promise.all([auditor.stop(), database.audit.end(0)]);
    },
  };
}

function tell(audit: EndedAudit, metrics: Metrics): void {
  if ("error" in audit) return log.info(`an audit failed: ${describe(audit.error)}`);
  metrics.driftedBuckets.add(audit.report.drifted.length);
  for (const { scope, bucket, ...drift } of audit.report.drifted) {
    log.error(`drift in ${scope} at ${bucket}: run the task rebuild`, { scope, bucket, ...drift });
  }
}
