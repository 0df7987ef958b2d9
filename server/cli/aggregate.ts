/**
 * `deno task aggregate`: folds the rows that the journal holds now, beside a service or without
 * one. With `--history` it lists the latest folds of all instances. Tested in
 * tests/server/cli/rollups_test.ts.
 */
import { type Folded, foldJournal } from "../../sql/figures/fold.ts";
import { type ListedFoldRun, listRuns } from "../../sql/figures/fold_runs.ts";
import { type Notice, notify } from "../../sql/figures/notices.ts";
import type { Pool } from "../../sql/connection/database.ts";
import { isForbidden, isMissingTable } from "../../sql/connection/failure.ts";
import { readConfig } from "../config.ts";
import { describe } from "../telemetry/log.ts";
import { pause } from "../../sql/waiting.ts";
import { printJson, printTable, taskCommand, TaskFailure, wholeNumber } from "./command.ts";
import { withPools } from "./database_url.ts";

const LOCK_POLL_MS = 20;
const SHOWN_RUNS = 20;

interface AggregateOptions {
  readonly history?: true;
  readonly limit: number;
  readonly json?: true;
}

export const command = taskCommand(
  "aggregate",
  "Folds the journal of DATABASE_URL, else of the embedded database, into the rollups.",
)
  .option("--history", "fold nothing, list the latest folds of all instances")
  .option("--limit <count>", "how many of them", wholeNumber(1, 10_000), SHOWN_RUNS)
  .option("--json", "print JSON")
  .action(async ({ history, limit, json }: AggregateOptions) => {
    const config = readConfig();
    await withPools(config, async ({ read, fold }) => {
      if (history) return printRuns(await readRuns(read, limit), json === true);
      const foldOnce = async () => {
        const result = await foldJournal(fold);
        if (result.outcome === "folded" && result.notice !== null) await tell(read, result.notice);
        return result;
      };
      await foldAll(foldOnce, config.statementTimeoutMs, json === true);
    });
  });

/** @throws TaskFailure when this role cannot read the history */
async function readRuns(pool: Pool, limit: number): Promise<ListedFoldRun[]> {
  try {
    return await listRuns(pool, limit);
  } catch (error) {
    if (!isMissingTable(error) && !isForbidden(error)) throw error;
    throw new TaskFailure(
      `the history of folds cannot be read, and folds go on without it: ${describe(error)}`,
    );
  }
}

/** Tells running instances of a fold. If that fails, they see it at their next check. */
async function tell(pool: Pool, notice: Notice): Promise<void> {
  try {
    await pool.run((sql) => notify(sql, [JSON.stringify(notice)]));
  } catch (error) {
    console.error(`weir: NOTIFY failed, and dashboards show the fold later: ${describe(error)}`);
  }
}

/** Folds batch by batch until the journal is empty. @throws TaskFailure when it cannot lock */
async function foldAll(
  fold: () => ReturnType<typeof foldJournal>,
  lockTimeoutMs: number,
  json: boolean,
): Promise<void> {
  const begunAt = performance.now();
  let [journalRows, orders, last]: [number, number, Folded | null] = [0, 0, null];
  while (last === null || last.more) {
    const result = await fold();
    if (result.outcome === "folded") {
      journalRows += result.journalRows;
      orders += result.orders;
      last = result;
    } else if (performance.now() - begunAt > lockTimeoutMs) {
      throw new TaskFailure("another instance holds the fold's lock and does not give it back");
    } else await pause(LOCK_POLL_MS, undefined);
  }
  const { epoch, version } = last;
  if (json) return printJson({ epoch, version, journalRows, orders });
  console.log(`version ${version}: folded ${orders} orders of ${journalRows} journal rows`);
}

function printRuns(runs: readonly ListedFoldRun[], json: boolean): void {
  if (json) return printJson(runs);
  printTable([
    ["ENDED", "OUTCOME", "MS", "LAG MS", "ROWS", "ORDERS", "VERSION", "INSTANCE"],
    ...runs.map((run) => [
      run.endedAt,
      run.error === null ? run.outcome : `${run.outcome} (${run.error})`,
      run.ms.toFixed(1),
      run.lagMs?.toFixed(0) ?? "",
      `${run.journalRows ?? ""}`,
      `${run.orders ?? ""}`,
      `${run.version ?? ""}`,
      run.instanceId,
    ]),
  ]);
}
