/**
 * The standby of a Patroni cluster goes first. An order is acknowledged only when the next failover
 * keeps it, in the strict mode and in the other one. Without a synchronous standby a failover loses
 * orders, and the dashboards say what is left.
 */
import { assert, assertEquals, assertGreater } from "@std/assert";
import { firstAfter, type PatroniStage, underLoad } from "../support/faults/patroni_run.ts";
import { report } from "../support/faults/fault_run.ts";
import { LiveFeed } from "../support/load/live_feed.ts";
import type { Attempt } from "../support/recount/history.ts";
import { expectExact } from "../support/recount/recount.ts";
import { createTestClient, KEY } from "../support/services/instance.ts";
import { until } from "../support/services/services.ts";

/** Longer than the time after which Patroni replaces a leader that is silent. */
const REPLACED_MS = 25_000;

/** True when the attempt was told that its order is committed, and was the first to hear it. */
function isCommit({ answer }: Attempt): boolean {
  return answer.kind === "acknowledged" && answer.status === "committed" && !answer.replayed;
}

/** The orders that were newly committed after `from`. */
function commitsAfter({ load }: PatroniStage, from: number): Attempt[] {
  return load.history.attempts.filter((attempt) => attempt.sentAt > from && isCommit(attempt));
}

Deno.test("strict: without its standby the leader commits nothing, and the standby that takes over has everything", () =>
  underLoad(async (stage) => {
    const { run, cluster, load } = stage;
    const leader = await cluster.leader();
    const standby = cluster.otherThan(leader);
    await standby.crash();
    const goneAt = performance.now();
    const spilled = await until("a spilled order", () => firstAfter(load, goneAt, "spilled"));
    await load.answered(1_000);
    assertEquals(commitsAfter(stage, goneAt), []);
    await leader.crash();
    await standby.start();
    await cluster.nextLeader(leader);
    run.postgres = standby.server;
    await load.answered(500);
    await leader.start();
    await until("a commit", () => commitsAfter(stage, goneAt)[0], 60_000);
    await run.verify(load);
    const spilledMs = Math.round(spilled.answeredAt - goneAt);
    report("strict, standby and then leader killed", { ...load.figures, spilledMs });
  }, { settings: { synchronous_mode_strict: true } }));

Deno.test("not strict: the leader commits alone, and a standby that lacks those orders never takes over", () =>
  underLoad(async (stage) => {
    const { run, cluster, load } = stage;
    const leader = await cluster.leader();
    const standby = cluster.otherThan(leader);
    await standby.crash();
    const goneAt = performance.now();
    const commit = await until(
      "a commit without the standby",
      () => commitsAfter(stage, goneAt)[0],
    );
    await load.answered(1_000);
    await leader.crash();
    const leaderGoneAt = performance.now();
    await standby.start();
    await until(
      "the time in which a leader is replaced",
      () => performance.now() - leaderGoneAt > REPLACED_MS,
      2 * REPLACED_MS,
    );
    await load.answered(500);
    assertEquals(commitsAfter(stage, leaderGoneAt), []);
    await leader.start();
    const back = await until(
      "a commit on the leader",
      () => commitsAfter(stage, leaderGoneAt)[0],
      60_000,
    );
    assertGreater(back.answeredAt, leaderGoneAt + REPLACED_MS);
    await run.verify(load);
    const aloneMs = Math.round(commit.answeredAt - goneAt);
    report("not strict, standby and then leader killed", { ...load.figures, aloneMs });
  }));

Deno.test("an asynchronous standby that takes over begins an epoch, and no dashboard goes back within one", () =>
  underLoad(async (stage) => {
    const { run, cluster, load, service } = stage;
    const leader = await cluster.leader();
    const client = createTestClient(service.url, KEY);
    const feed = new LiveFeed(client.api);
    const first = await feed.reaches(({ currencies }) => currencies.length > 0);
    leader.network.replication.replies = "dropped";
    const cutAt = performance.now();
    await until("orders that the standby lacks", () => commitsAfter(stage, cutAt).length > 500);
    const { version } = feed.newest!.snapshot;
    assertGreater(version, first.snapshot.version, "the dashboard shows them");
    await leader.crash();
    const crashedAt = performance.now();
    const next = await cluster.nextLeader(leader);
    await until("a commit on the next leader", () => commitsAfter(stage, crashedAt)[0]);
    run.postgres = next.server;
    await load.stop();
    await run.drained();
    const stored = await run.stored();
    const { lost, ...others } = load.history.check(stored);
    assert(Object.values(others).every((keys) => keys.length === 0), JSON.stringify(others));
    // Committed after the cut and before the crash: the standby never had them.
    const missed = new Set(
      commitsAfter(stage, cutAt).filter(({ answeredAt }) => answeredAt < crashedAt)
        .map(({ store, key }) => `${store}/${key}`),
    );
    assertGreater(lost.length, 0);
    assertEquals(lost.filter((key) => !missed.has(key)), []);
    await run.ask(expectExact);
    const { snapshot } = await feed.reaches(({ currencies }) =>
      currencies.reduce((sum, { today }) => sum + today.orders, 0) === stored.orders.length
    );
    assertGreater(snapshot.epoch, first.snapshot.epoch);
    assertEquals(feed.wentBack(), null);
    report("an asynchronous standby took over", {
      ...load.figures,
      lost: lost.length,
      epochs: [first.snapshot.epoch, snapshot.epoch],
    });
    feed.end();
    await client.close();
  }, {
    isCuttable: true,
    settings: { synchronous_mode: false, maximum_lag_on_failover: 1_000_000_000 },
  }));
