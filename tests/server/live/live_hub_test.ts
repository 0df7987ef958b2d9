import { assert, assertEquals } from "@std/assert";
import { noticeOf, TEN_O_CLOCK, withHub } from "../../support/doubles/fake_hub.ts";

Deno.test("a notice reloads the scopes that it names and someone watches, once a version", () =>
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
    assertEquals(database.reads, [], "nothing that it has is read again");
    assertEquals([all.seen, north.seen], [
      ["1:1 10:00 database", "1:2 10:00 live"],
      ["1:1 10:00 database", "1:2 10:00 live"],
    ]);
  }));

Deno.test("a notice of all scopes reloads every watched one that is behind", () =>
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

Deno.test("with no new order a frame comes at each minute's turn: same id, next minute", () =>
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
    assertEquals(database.reads.length, 8, "one read a scope and minute");
  }));

Deno.test("a minute's turn that found the database away is made up for when it is back", () =>
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
    assertEquals(seen.at(-1), "1:1 10:02 live", "and the next turn comes too");
  }));

Deno.test("what every notice was lost of is found by the regular check", () =>
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

Deno.test("after 5 s without the database the newest frame is shown again as stale, until it is back", () =>
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
    assertEquals(seen.length, 2, "it is said once");
    database.away = false;
    database.version = 2;
    await pass(3_000);
    assertEquals(seen.at(-1), "1:2 10:00 live");
    assertEquals(seen.slice(2).filter((frame) => frame.endsWith("stale")), []);
  }));

Deno.test("when the database is back with nothing new, the frame is shown again as not stale", () =>
  withHub(async ({ database, watch, pass }) => {
    const { seen } = watch();
    await pass(0);
    database.away = true;
    await pass(6_000);
    database.away = false;
    await pass(10_000);
    assertEquals(seen, ["1:1 10:00 database", "1:1 10:00 live stale", "1:1 10:00 live"]);
  }));

Deno.test("a check that fails alone makes nothing stale", () =>
  withHub(async ({ database, watch, pass }) => {
    const { seen } = watch();
    await pass(2_300);
    database.away = true;
    await pass(200);
    database.away = false;
    await pass(10_000);
    assertEquals(seen, ["1:1 10:00 database"]);
  }));

Deno.test("nothing below the subscriber's floor is sent, and the floor's own frame is", () =>
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

Deno.test("a database that answers with something older is not believed", () =>
  withHub(async ({ hub, database, watch, pass }) => {
    database.version = 5;
    const { seen } = watch();
    await pass(0);
    database.version = 4;
    hub.notice(noticeOf(6, ["*"]));
    await pass(5_000);
    assertEquals(seen, ["1:5 10:00 database"]);
  }));

Deno.test("a read that lags behind its notice is made again until it has what was told of", () =>
  withHub(async ({ hub, database, watch, pass }) => {
    const { seen } = watch();
    await pass(0);
    hub.notice(noticeOf(2, ["*"])); // by a database that is ahead of the one that is read
    await pass(0);
    assertEquals(seen.length, 1);
    database.version = 2;
    await pass(2_500);
    assertEquals(seen.at(-1), "1:2 10:00 live");
  }));

Deno.test("a snapshot comes from the database while it answers, and is kept for others", () =>
  withHub(async ({ hub, database, cache, pass }) => {
    database.version = 9;
    const snapshot = await hub.snapshot("north");
    assertEquals([snapshot.source, snapshot.version, snapshot.ageMs], ["database", 9, 100]);
    assertEquals(cache.get("north")?.version, 9);
    await pass(100);
    assertEquals(database.reads, ["north"]);
  }));

Deno.test("freshness is from when the oldest change of a frame was written until it is sent", () =>
  withHub(async ({ hub, database, watch, pass, freshnessMs }) => {
    watch();
    await pass(0);
    assertEquals(freshnessMs, [], "of a first frame nobody knows");
    database.version = 2;
    const writtenAt = new Date(TEN_O_CLOCK + 9_750).toISOString();
    hub.notice(noticeOf(2, ["*"], { writtenAt }));
    await pass(0);
    assertEquals(freshnessMs, [250]);
  }));

Deno.test("who has left is read nothing for, and stop() ends who has not", () =>
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

Deno.test("a version that no notice told of is found by the next one that comes", () =>
  withHub(async ({ hub, database, watch, pass }) => {
    hub.notice(noticeOf(1, ["north"]));
    const north = watch("north");
    await pass(10);
    database.version = 3; // the notice of version 2, of north, was lost on every way
    hub.notice(noticeOf(3, ["south"]));
    await pass(10);
    assertEquals(north.snapshots.at(-1)?.version, 3);
    const reads = database.reads.length;
    database.version = 4;
    hub.notice(noticeOf(4, ["south"]));
    await pass(10);
    assertEquals(database.reads.length, reads, "one that follows the last is taken at its word");
  }));
