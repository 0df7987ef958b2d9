/**
 * The stage of a test with Patroni: a cluster, an instance that knows both nodes, and a load. And the
 * usual course of such a test: the leader goes, and the next one comes.
 *
 * The times are printed. Their bounds are several times what was measured.
 */
import { assertLess } from "@std/assert";
import { outcomeOf } from "../recount/history.ts";
import { type PatroniCluster, type PatroniOptions, withPatroni } from "../programs/patroni.ts";
import type { ServiceProcess } from "../services/service_process.ts";
import { until } from "../services/services.ts";
import type { FaultLoad } from "./fault_load.ts";
import { type FaultRun, report, withFaults } from "./fault_run.ts";

/** Aim: 2 s. */
const SPILLED_MS = 6_000;
/** The longest time without an acknowledgement. Aim: 2 s. */
export const SILENT_MS = 6_000;
/** Aim: 1 s. */
const COMMITS_MS = 5_000;
/** Aim: 10 s. */
const EMPTY_MS = 30_000;

export interface PatroniStage {
  readonly run: FaultRun;
  readonly cluster: PatroniCluster;
  readonly load: FaultLoad;
  readonly service: ServiceProcess;
}

/** Runs `test` on a cluster of its own. */
export function underLoad(
  test: (stage: PatroniStage) => Promise<void>,
  options: PatroniOptions = {},
): Promise<void> {
  return withPatroni((cluster) => loadOn(cluster, cluster.url, test), options);
}

/** Runs `test` with an instance that knows the cluster by `url`, and 250 orders a second. */
export function loadOn(
  cluster: PatroniCluster,
  url: string,
  test: (stage: PatroniStage) => Promise<void>,
): Promise<void> {
  return withFaults(async (run) => {
    run.postgres = (await cluster.leader()).server;
    const service = await run.instance({ DATABASE_URL: url });
    const load = run.load({ urls: () => [service.url], ratePerSecond: 250 });
    load.start();
    await load.answered(500);
    await test({ run, cluster, load, service });
  });
}

/** The longest time without an acknowledgement since `from`, milliseconds. */
export function longestSilence({ history: { attempts } }: FaultLoad, from: number): number {
  const times = attempts.filter(({ answeredAt, answer }) =>
    answeredAt > from && answer.kind === "acknowledged"
  ).map(({ answeredAt }) => answeredAt).sort((a, b) => a - b);
  return Math.round(Math.max(...times.map((time, index) => time - (times[index - 1] ?? from))));
}

/** The first attempt that was sent after `from` and has this outcome. */
export function firstAfter({ history: { attempts } }: FaultLoad, from: number, outcome: string) {
  return attempts.find(({ sentAt, answer }) => sentAt > from && outcomeOf(answer) === outcome);
}

/** Takes the leader away, waits for the next one, and checks everything. */
export async function replaceLeader(
  { run, cluster, load }: PatroniStage,
  name: string,
  takeAway: () => Promise<void>,
  after: () => Promise<void> = () => Promise.resolve(),
): Promise<void> {
  const before = await cluster.leader();
  const goneAt = performance.now();
  await takeAway();
  const { answeredAt } = await until(
    "an order to be spilled",
    () => firstAfter(load, goneAt, "spilled"),
  );
  const spilledMs = Math.round(answeredAt - goneAt);
  const next = await cluster.nextLeader(before);
  const nextAt = performance.now();
  const commit = await until(
    "a commit on the next leader",
    () => firstAfter(load, nextAt, "committed"),
  );
  run.postgres = next.server;
  const emptyMs = await run.drained();
  await after();
  await load.answered(500);
  const silentMs = longestSilence(load, goneAt);
  await run.verify(load);
  const commitsMs = Math.round(commit.answeredAt - nextAt);
  const replacedMs = Math.round(nextAt - goneAt);
  report(name, { ...load.figures, spilledMs, silentMs, replacedMs, commitsMs, emptyMs });
  assertLess(spilledMs, SPILLED_MS, "ms to the first spilled order");
  assertLess(silentMs, SILENT_MS, "ms without an acknowledgement");
  assertLess(commitsMs, COMMITS_MS, "ms from the next leader to a commit");
  assertLess(emptyMs, EMPTY_MS, "ms until the overflow was empty");
}
