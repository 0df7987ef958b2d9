/**
 * `deno task audit`: compares random buckets of the rollups with a recount of their orders. It
 * exits with 1 when a bucket differs from the sum of its orders. Tested in
 * tests/server/cli/rollups_test.ts.
 */
import type { AuditReport, Drift } from "../../client/contract/ops_runs.ts";
import { auditRollups } from "../../sql/figures/audit/audit.ts";
import { readConfig } from "../config.ts";
import { printJson, printTable, taskCommand, TaskFailure, wholeNumber } from "./command.ts";
import { withPools } from "./database_url.ts";

const BUCKETS = 100;

interface AuditOptions {
  readonly buckets: number;
  readonly json?: true;
}

export const command = taskCommand(
  "audit",
  "Recounts random minutes and days in DATABASE_URL, else in the embedded database.",
)
  .option("--buckets <count>", "how many to look for", wholeNumber(1, 10_000), BUCKETS)
  .option("--json", "print JSON")
  .action(async ({ buckets, json }: AuditOptions) => {
    await withPools(readConfig(), async (pools) => {
      printReport(await auditRollups(pools.audit, buckets), json === true);
    });
  });

/** Prints the report. @throws TaskFailure when a bucket drifted, or when nothing was checked */
function printReport(report: AuditReport, json: boolean): void {
  const { checked, drifted, skipped } = report;
  if (json) printJson(report);
  else if (drifted.length > 0) {
    printTable([
      ["SCOPE", "BUCKET", "CURRENCY", "SKU", "EXPECTED", "FOUND"],
      ...drifted.map(rowOf),
    ]);
  } else if (!skipped) console.log(`checked ${checked} buckets, and all of them are right`);
  if (skipped) {
    throw new TaskFailure(
      "nothing was checked: folds are far behind, or a newer version writes to the journal",
    );
  }
  if (drifted.length === 0) return;
  const buckets = new Set(drifted.map(({ scope, bucket }) => `${scope} ${bucket}`)).size;
  throw new TaskFailure(`${buckets} of ${checked} buckets drifted: run the task rebuild`);
}

function rowOf({ scope, bucket, currency, sku, expected, found }: Drift): string[] {
  return [scope, bucket, currency, sku ?? "", textOf(expected), textOf(found)];
}

function textOf(sums: Drift["expected"]): string {
  return Object.entries(sums).map(([name, sum]) => `${name}=${sum}`).join(" ") || "nothing";
}
