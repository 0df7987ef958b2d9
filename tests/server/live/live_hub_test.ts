import { assert, assertEquals } from "@std/assert";
import { noticeOf, TEN_O_CLOCK, withHub } from "../../support/doubles/fake_hub.ts";

Deno.test("a notice makes the hub read each watched scope that it names, once a version", () =>
  withHub(async ({ hub, database, watch, pass }) => {
    const all = watch();
    const north = watch("north");
    watch("south");
    await pass(0);
    assertEquals(database.reads.splice(0), ["*", "north", "south"]);
    database.version = 2;
    hub.notice(noticeOf(2, ["*", "north", "nobody"]));
    await pass(0);
    assertEquals(database.reads.splice(0), ["*", "north"]);
    hub.notice(noticeOf(2, ["*", "north"]));
    hub.notice(noticeOf(1, "all"));
    await pass(0);
    assertEquals(database.reads, [], "no scope is read again for a version that it has");
    assertEquals([all.seen, north.seen], [
      ["1:1 10:00 database", "1:2 10:00 live"],
      ["1:1 10:00 database", "1:2 10:00 live"],
    ]);
  }));

Deno.test("a notice of all scopes makes the hub read every watched scope that is behind", () =>
  withHub(async ({ hub, database, watch, pass }) => {
    watch("north");
    watch("south");
    await pass(0);
    database.version = 2;
    database.reads.length = 0;
    hub.notice(noticeOf(2, "all"));
    await pass(0);
    assertEquals(database.reads, ["north", "south"]);
  }));

Deno.test("a frame comes when the minute turns, without an order: same id, next minute", () =>
  withHub(async ({ database, watch, pass }) => {
    const { seen } = watch();
    const north = watch("north");
    await pass(49_900);
    assertEquals(seen, ["1:1 10:00 database"]);
    await pass(200);
    assertEquals(seen, ["1:1 10:00 database", "1:1 10:01 live"]);
    await pass(120_000);
    assertEquals(seen.slice(2), ["1:1 10:02 live", "1:1 10:03 live"]);
    assertEquals(north.seen, seen);
    assertEquals(database.reads.length, 8, "one read of each scope in each minute");
  }));

Deno.test("a minute that turned while the database was away is shown when it is back", () =>
  withHub(async ({ database, watch, pass }) => {
    const { seen } = watch();
    await pass(49_900);
    database.away = true;
    await pass(600);
    assertEquals(seen, ["1:1 10:00 database"]);
    database.away = false;
    await pass(2_400);
    assertEquals(seen, ["1:1 10:00 database", "1:1 10:01 live"]);
    await pass(60_000);
    assertEquals(seen.at(-1), "1:1 10:02 live", "the next minute is shown too");
  }));

Deno.test("the regular check finds a fold whose notices were all lost", () =>
  withHub(async ({ database, watch, pass }) => {
    const { seen } = watch();
    await pass(100);
    database.version = 2;
    await pass(2_200);
    assertEquals(seen.length, 1);
    await pass(100);
    assertEquals(seen.slice(1), ["1:2 10:00 live"]);
    await pass(10);
    database.version = 3; // just after a check
    await pass(2_990);
    assertEquals(seen.slice(2), ["1:3 10:00 live"], "within 3 s at the worst");
  }));

Deno.test("the newest frame is sent again as stale when no fold has ended, and again when one has", () =>
  withHub(async ({ hub, database, watch, pass }) => {
    const { seen } = watch();
    await pass(100);
    database.foldedUntil = TEN_O_CLOCK + 10_000;
    await pass(14_000);
    assertEquals(seen, ["1:1 10:00 database"]);
    await pass(1_000);
    assertEquals(seen.slice(1), ["1:1 10:00 live stale"]);
    assert((await hub.snapshot("*")).stale, "a snapshot call says the same");
    await pass(36_000);
    assertEquals(seen.slice(2), ["1:1 10:01 live stale"], "the windows go on");
    database.foldedUntil = Infinity;
    await pass(3_000);
    assertEquals(seen.slice(3), ["1:1 10:01 live"]);
  }));

Deno.test("the newest frame is sent again as stale after 5 s without the database, until it is back", () =>
  withHub(async ({ database, watch, pass }) => {
    const { seen, snapshots } = watch();
    await pass(0);
    database.away = true;
    await pass(4_900);
    assertEquals(seen, ["1:1 10:00 database"]);
    await pass(200);
    assertEquals(seen.slice(1), ["1:1 10:00 live stale"]);
    const [first, stale] = snapshots;
    assert(first !== undefined && stale !== undefined);
    assertEquals([first.ageMs, stale.ageMs], [100, 5_100]);
    await pass(20_000);
    assertEquals(seen.length, 2, "staleness is told once");
    database.away = false;
    database.version = 2;
    await pass(3_000);
    assertEquals(seen.at(-1), "1:2 10:00 live");
    assertEquals(seen.slice(2).filter((frame) => frame.endsWith("stale")), []);
  }));

Deno.test("a stale frame is sent again as not stale when the database is back with nothing new", () =>
  withHub(async ({ database, watch, pass }) => {
    const { seen } = watch();
    await pass(0);
    database.away = true;
    await pass(6_000);
    database.away = false;
    await pass(10_000);
    assertEquals(seen, ["1:1 10:00 database", "1:1 10:00 live stale", "1:1 10:00 live"]);
  }));

Deno.test("a single failed check marks no frame stale", () =>
  withHub(async ({ database, watch, pass }) => {
    const { seen } = watch();
    await pass(2_300);
    database.away = true;
    await pass(200);
    database.away = false;
    await pass(10_000);
    assertEquals(seen, ["1:1 10:00 database"]);
  }));

Deno.test("a subscriber is sent no frame below its floor, and the frame of the floor itself", () =>
  withHub(async ({ hub, database, watch, pass }) => {
    const ahead = watch("*", { epoch: 1, version: 3 });
    const at = watch("*", { epoch: 1, version: 1 });
    const otherEpoch = watch("*", { epoch: 2, version: 0 });
    await pass(0);
    assertEquals([ahead.seen, at.seen], [[], ["1:1 10:00 database"]]);
    for (const version of [2, 3]) {
      database.version = version;
      hub.notice(noticeOf(version, ["*"]));
      await pass(0);
    }
    assertEquals([ahead.seen, otherEpoch.seen], [["1:3 10:00 live"], []]);
    database.epoch = 2;
    database.version = 1;
    hub.notice(noticeOf(1, "all", { epoch: 2 }));
    await pass(0);
    assertEquals([ahead.seen.at(-1), otherEpoch.seen], ["2:1 10:00 live", ["2:1 10:00 live"]]);
  }));

Deno.test("an answer older than the frame in memory is not shown", () =>
  withHub(async ({ hub, database, watch, pass }) => {
    database.version = 5;
    const { seen } = watch();
    await pass(0);
    database.version = 4;
    hub.notice(noticeOf(6, ["*"]));
    await pass(5_000);
    assertEquals(seen, ["1:5 10:00 database"]);
  }));

Deno.test("a read that lags behind its notice is repeated until it shows the fold", () =>
  withHub(async ({ hub, database, watch, pass }) => {
    const { seen } = watch();
    await pass(0);
    hub.notice(noticeOf(2, ["*"])); // the database that is read lags behind the one that folded
    await pass(0);
    assertEquals(seen.length, 1);
    database.version = 2;
    await pass(2_500);
    assertEquals(seen.at(-1), "1:2 10:00 live");
  }));

Deno.test("snapshot() reads the database while it answers, and keeps the figures for others", () =>
  withHub(async ({ hub, database, cache, pass }) => {
    database.version = 9;
    const snapshot = await hub.snapshot("north");
    assertEquals([snapshot.source, snapshot.version, snapshot.ageMs], ["database", 9, 100]);
    assertEquals(cache.get("north")?.version, 9);
    await pass(100);
    assertEquals(database.reads, ["north"]);
  }));

Deno.test("freshness counts from the writing of the oldest change in a frame until it is sent", () =>
  withHub(async ({ hub, database, watch, pass, freshnessMs }) => {
    watch();
    await pass(0);
    assertEquals(freshnessMs, [], "a first frame has no freshness");
    database.version = 2;
    const writtenAt = new Date(TEN_O_CLOCK + 9_750).toISOString();
    hub.notice(noticeOf(2, ["*"], { writtenAt }));
    await pass(0);
    assertEquals(freshnessMs, [250]);
  }));

Deno.test("stop() ends all subscriptions, and a scope that nobody watches is not read", () =>
  withHub(async ({ hub, database, watch, pass }) => {
    const left = watch("north");
    const stays = watch("south");
    await pass(0);
    assertEquals(hub.subscribers, 2);
    left.stop.abort();
    await left.over;
    assertEquals(hub.subscribers, 1);
    database.version = 2;
    database.reads.length = 0;
    hub.notice(noticeOf(2, "all"));
    await pass(70_000);
    assertEquals(new Set(database.reads), new Set(["south"]));
    await hub.stop();
    await stays.over;
    assertEquals(hub.subscribers, 0);
    const late = watch("east");
    await late.over;
    assertEquals(late.seen, []);
  }));

Deno.test("a notice after a lost one makes the hub read every watched scope", () =>
  withHub(async ({ hub, database, watch, pass }) => {
    hub.notice(noticeOf(1, ["north"]));
    const north = watch("north");
    await pass(10);
    database.version = 3; // both notices of version 2, which changed north, were lost
    hub.notice(noticeOf(3, ["south"]));
    await pass(10);
    assertEquals(north.snapshots.at(-1)?.version, 3);
    const reads = database.reads.length;
    database.version = 4;
    hub.notice(noticeOf(4, ["south"]));
    await pass(10);
    assertEquals(
      database.reads.length,
      reads,
      "a notice that follows the last one names all changed scopes",
    );
  }));

Deno.test("the newest position is what the check and the reads have told, and no notice", () =>
  withHub(async ({ hub, newest, database, pass }) => {
    assertEquals(newest.position, null);
    await pass(0);
    assertEquals(newest.position, { epoch: 1, version: 5 });
    database.version = 6;
    await hub.snapshot("north");
    assertEquals(newest.position, { epoch: 1, version: 6 });
    hub.notice(noticeOf(9, "all"));
    database.version = 4;
    await pass(5_000);
    assertEquals(newest.position, { epoch: 1, version: 6 });
    database.version = 7;
    await pass(2_400);
    assertEquals(newest.position, { epoch: 1, version: 7 });
  }, { database: { version: 5 } }));
