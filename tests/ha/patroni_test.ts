/**
 * Patroni replaces the primary of a real cluster under load, for each way in which a primary goes. No
 * order is lost or doubled, and callers are answered all the time.
 *
 * The times are printed. Their bounds are several times what was measured.
 */
import { assertEquals, assertLess } from "@std/assert";
import { BACK_MS, type FaultRun, report, withFaults } from "../support/faults/fault_run.ts";
import type { FaultLoad } from "../support/faults/fault_load.ts";
import { type PatroniCluster, withPatroni } from "../support/programs/patroni.ts";
import { outcomeOf } from "../support/recount/history.ts";
import { WireProxy } from "../support/faults/wire_proxy.ts";
import { until } from "../support/services/services.ts";

/** Aim: 2 s. */
const SPILLED_MS = 6_000;
/** Aim: 2 s. */
const SILENT_MS = 6_000;
/** Aim: 1 s. */
const COMMITS_MS = 5_000;
/** Aim: 10 s. */
const EMPTY_MS = 30_000;
/** A frozen leader wakes up long after it was replaced. */
const FROZEN_MS = 40_000;

interface Stage {
  readonly run: FaultRun;
  readonly cluster: PatroniCluster;
  readonly load: FaultLoad;
}

function underLoad(test: (stage: Stage) => Promise<void>): Promise<void> {
  return withPatroni((cluster) =>
    withFaults(async (run) => {
      run.postgres = (await cluster.leader()).server;
      const service = await run.instance({ DATABASE_URL: cluster.url });
      const load = run.load({ urls: () => [service.url], ratePerSecond: 250 });
      load.start();
      await load.answered(500);
      await test({ run, cluster, load });
    })
  );
}

/** The longest time without an acknowledgement since `from`, milliseconds. */
function longestSilence({ history: { attempts } }: FaultLoad, from: number): number {
  const times = attempts.filter(({ answeredAt, answer }) =>
    answeredAt > from && answer.kind === "acknowledged"
  ).map(({ answeredAt }) => answeredAt).sort((a, b) => a - b);
  return Math.round(Math.max(...times.map((time, index) => time - (times[index - 1] ?? from))));
}

function firstAfter({ history: { attempts } }: FaultLoad, from: number, outcome: string) {
  return attempts.find(({ sentAt, answer }) => sentAt > from && outcomeOf(answer) === outcome);
}

/** Takes the leader away, waits for the next one, and checks everything. */
async function replaceLeader(
  { run, cluster, load }: Stage,
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

Deno.test("a leader and its Patroni, killed at once, are replaced, and no order is lost", () =>
  underLoad(async (stage) => {
    const leader = await stage.cluster.leader();
    await replaceLeader(stage, "leader killed", () => leader.crash());
  }));

Deno.test("a leader that is frozen for 40 s, and then woken, is replaced and never written to again", () =>
  underLoad(async (stage) => {
    const leader = await stage.cluster.leader();
    const frozenAt = performance.now();
    await replaceLeader(stage, "leader frozen", () => leader.freeze(), async () => {
      const leftMs = FROZEN_MS - (performance.now() - frozenAt);
      await new Promise((resolve) => setTimeout(resolve, leftMs)); // the rest of the fault
      leader.thaw();
      await stage.cluster.follows(leader); // Patroni has made a standby of it
    });
  }));

Deno.test("a switchover and a restart of both nodes under load lose no order and are no error", () =>
  underLoad(async ({ run, cluster, load }) => {
    const before = await cluster.leader();
    const switchedAt = performance.now();
    await cluster.switchover();
    const next = await cluster.nextLeader(before);
    run.postgres = next.server;
    await cluster.inStep();
    const switchMs = longestSilence(load, switchedAt);
    const restartedAt = performance.now();
    await before.restart();
    await cluster.inStep();
    await next.restart();
    await cluster.inStep();
    await load.answered(500);
    const restartMs = longestSilence(load, restartedAt);
    await run.verify(load);
    report("a switchover and restarts", { ...load.figures, switchMs, restartMs });
    const { outcomes } = load.figures;
    const answers = new Set(["committed", "spilled"]);
    assertEquals(Object.keys(outcomes).filter((outcome) => !answers.has(outcome)), []);
    assertLess(Math.max(switchMs, restartMs), SILENT_MS, "ms without an acknowledgement");
  }));

Deno.test("a network that is cut between Weir and the leader alone spills orders until it is back", () =>
  withPatroni((cluster) =>
    withFaults(async (run) => {
      const proxies = cluster.nodes.map(({ url }) => WireProxy.to(url));
      const leader = await cluster.leader();
      run.postgres = leader.server;
      try {
        const [one, two] = cluster.nodes.map(({ url }, index) => proxies[index]!.through(url));
        const both = one!.replace(/@([^/]+)/, `@$1,${new URL(two!).host}`);
        const service = await run.instance({ DATABASE_URL: both });
        const load = run.load({ urls: () => [service.url], ratePerSecond: 250 });
        load.start();
        await load.answered(500);
        const proxy = proxies[cluster.nodes.indexOf(leader)]!;
        const cutAt = performance.now();
        [proxy.requests, proxy.replies] = ["dropped", "dropped"];
        const spilled = await until("a spilled order", () => firstAfter(load, cutAt, "spilled"));
        await load.answered(1_000);
        [proxy.requests, proxy.replies] = ["open", "open"];
        const backAt = performance.now();
        const commit = await until("a commit", () => firstAfter(load, backAt, "committed"));
        await load.answered(500);
        const silentMs = longestSilence(load, cutAt);
        await run.verify(load);
        const spilledMs = Math.round(spilled.answeredAt - cutAt);
        const commitsMs = Math.round(commit.answeredAt - backAt);
        report("the network to the leader is cut", {
          ...load.figures,
          spilledMs,
          silentMs,
          commitsMs,
        });
        assertLess(Math.max(spilledMs, silentMs), SILENT_MS, "ms without an acknowledgement");
        assertLess(commitsMs, BACK_MS, "ms from the network's return to a commit");
      } finally {
        for (const proxy of proxies) await proxy.close();
      }
    })
  ));
