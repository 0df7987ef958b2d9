/**
 * Patroni replaces the primary of a real cluster under load, for each way in which a primary goes. No
 * order is lost or doubled, and callers are answered all the time.
 */
import { assertEquals, assertLess } from "@std/assert";
import {
  firstAfter,
  loadOn,
  longestSilence,
  replaceLeader,
  SILENT_MS,
  underLoad,
} from "../support/faults/patroni_run.ts";
import { BACK_MS, report } from "../support/faults/fault_run.ts";
import { startDatabaseHaproxy } from "../support/programs/database_haproxy.ts";
import { withPatroni } from "../support/programs/patroni.ts";
import { until } from "../support/services/services.ts";

/** A frozen leader wakes up long after it was replaced. */
const FROZEN_MS = 40_000;

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
  underLoad(async ({ run, cluster, load }) => {
    const { network } = await cluster.leader();
    const cutAt = performance.now();
    [network.clients.requests, network.clients.replies] = ["dropped", "dropped"];
    const spilled = await until("a spilled order", () => firstAfter(load, cutAt, "spilled"));
    await load.answered(1_000);
    network.clients.open();
    const backAt = performance.now();
    const commit = await until("a commit", () => firstAfter(load, backAt, "committed"));
    await load.answered(500);
    const silentMs = longestSilence(load, cutAt);
    await run.verify(load);
    const spilledMs = Math.round(spilled.answeredAt - cutAt);
    const commitsMs = Math.round(commit.answeredAt - backAt);
    report("the network to Weir is cut", { ...load.figures, spilledMs, silentMs, commitsMs });
    assertLess(Math.max(spilledMs, silentMs), SILENT_MS, "ms without an acknowledgement");
    assertLess(commitsMs, BACK_MS, "ms from the network's return to a commit");
  }, { isCuttable: true }));

Deno.test("a leader that is cut off from everybody is replaced, and follows when the network is back", () =>
  underLoad(async (stage) => {
    const leader = await stage.cluster.leader();
    const cut = () => Promise.resolve(leader.network.cut());
    await replaceLeader(stage, "leader cut off", cut, async () => {
      leader.network.mend();
      await stage.cluster.follows(leader);
    });
  }, { isCuttable: true }));

Deno.test("behind HAProxy, which knows the leader, a leader that is killed is replaced", () =>
  withPatroni(async (cluster) => {
    const proxy = await startDatabaseHaproxy(cluster.nodes);
    try {
      await loadOn(cluster, proxy.url, async (stage) => {
        const leader = await cluster.leader();
        await replaceLeader(stage, "leader killed behind HAProxy", () => leader.crash());
      });
    } finally {
      await proxy.dispose();
    }
  }));
