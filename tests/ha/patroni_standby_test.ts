/**
 * The standby of a Patroni cluster goes first. An order is acknowledged only when the next failover
 * keeps it, in the strict mode and in the other one. Without a synchronous standby a failover loses
 * orders, and the dashboards say what is left.
 */
import { assert, assertEquals, assertGreater } from "@std/assert";
import { connect } from "../../sql/connection/driver.ts";
import { isMissingTable } from "../../sql/connection/failure.ts";
import type { PatroniNode } from "../support/programs/patroni_node.ts";
import { firstAfter, type PatroniStage, underLoad } from "../support/faults/patroni_run.ts";
import { report } from "../support/faults/fault_run.ts";
import { LiveFeed, ordersOf } from "../support/load/live_feed.ts";
import type { Attempt } from "../support/recount/history.ts";
import { expectExact } from "../support/recount/recount.ts";
import { createTestClient, KEY } from "../support/services/instance.ts";
import { until } from "../support/services/services.ts";

/** Longer than the time after which Patroni replaces a leader that is silent. */
const REPLACED_MS = 25_000;

/** The standby is at most so far behind while it is connected. */
const LAG_MS = 1_000;

/** True when the attempt was told that its order is committed, and was the first to hear it. */
function isCommit({ answer }: Attempt): boolean {
  return answer.kind === "acknowledged" && answer.status === "committed" && !answer.replayed;
}

/** The orders that were newly committed after `from`. */
function commitsAfter({ load }: PatroniStage, from: number): Attempt[] {
  return load.history.attempts.filter((attempt) => attempt.sentAt > from && isCommit(attempt));
}

/** True when the node has orders, which also means that it has the schema. */
async function hasOrders({ server }: PatroniNode): Promise<boolean> {
  const sql = connect(server.url, { max: 1 });
  try {
    return (await sql`select from orders limit 1`).length > 0;
  } catch (error) {
    if (isMissingTable(error)) return false;
    throw error;
  } finally {
    await sql.end({ timeout: 1 });
  }
}

Deno.test("strict: without its standby the leader commits nothing, and the standby that comes back has everything", () =>
  underLoad(async (stage) => {
    const { run, cluster, load } = stage;
    const leader = await cluster.leader();
    const standby = cluster.otherThan(leader);
    await standby.crash();
    const goneAt = performance.now();
    const spilled = await until("a spilled order", () => firstAfter(load, goneAt, "spilled"));
    await load.answered(1_000);
    assertEquals(commitsAfter(stage, goneAt), []);
    await standby.start();
    await until("a commit", () => commitsAfter(stage, goneAt)[0], 60_000);
    await cluster.inStep();
    await load.answered(500);
    await leader.crash();
    await cluster.nextLeader(leader);
    run.postgres = standby.server;
    await load.answered(500);
    await leader.start(); // in strict mode nothing commits without it
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
    await until(
      "a commit on the leader",
      () => commitsAfter(stage, leaderGoneAt)[0],
      60_000,
    );
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
    await until("the standby to follow", () => hasOrders(cluster.otherThan(leader)));
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
    // An order that was lost and is sent again is stored anew, at another time.
    const { lost, contradictory, ...others } = load.history.check(stored);
    assert(Object.values(others).every((keys) => keys.length === 0), JSON.stringify(others));
    // The standby lacks what was committed after the cut, and perhaps just before it.
    const missed = new Set(
      commitsAfter(stage, cutAt - LAG_MS).filter(({ answeredAt }) => answeredAt < crashedAt)
        .map(({ store, key }) => `${store}/${key}`),
    );
    assertGreater(lost.length, 0);
    assertEquals([...lost, ...contradictory].filter((key) => !missed.has(key)), []);
    await run.ask(expectExact);
    const { snapshot } = await feed.reaches((frame) => ordersOf(frame) === stored.orders.length);
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
