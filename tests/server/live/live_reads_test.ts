/** The number of reads that the live hub makes for many subscribers, notices and callers. */
import { assertEquals } from "@std/assert";
import { noticeOf, withHub } from "../../support/doubles/fake_hub.ts";

const SUBSCRIBERS = 200;
const SCOPES = ["*", "north", "south"];
const ROUNDS = 50;

Deno.test("200 subscribers of three scopes cost one read for each scope and version", () =>
  withHub(async ({ hub, database, watch, pass }) => {
    database.slowMs = 30; // so that most notices come during a read
    const watchers = Array.from(
      { length: SUBSCRIBERS },
      (_, index) => watch(SCOPES[index % SCOPES.length]),
    );
    await pass(100);
    assertEquals(database.reads.splice(0).sort(), SCOPES);
    for (let round = 0; round < ROUNDS; round++) {
      database.version++;
      hub.notice(noticeOf(database.version, SCOPES));
      await pass(100);
    }
    assertEquals(database.reads.length, SCOPES.length * ROUNDS);
    assertEquals(new Set(watchers.map(({ seen }) => seen.length)), new Set([ROUNDS + 1]));
  }));

Deno.test("a version is read once, though two notices and the check tell of it", () =>
  withHub(async ({ hub, database, watch, pass }) => {
    const { seen } = watch();
    await pass(2_390);
    database.reads.length = 0;
    database.slowMs = 40;
    database.version = 2;
    await pass(55); // the check has found it, and the read is under way
    hub.notice(noticeOf(2, ["*"]));
    hub.notice(noticeOf(2, ["*"]));
    await pass(1_000);
    assertEquals([database.reads, seen.length], [["*"], 2]);
  }));

Deno.test("notices that come during a read cost one more read, for any number of them", () =>
  withHub(async ({ hub, database, watch, pass }) => {
    const { seen } = watch();
    await pass(10);
    database.reads.length = 0;
    database.slowMs = 200;
    for (let version = 2; version <= 20; version++) {
      database.version = version;
      hub.notice(noticeOf(version, ["*"]));
      await pass(10);
    }
    await pass(1_000);
    assertEquals([database.reads.length, seen.at(-1)], [2, "1:20 10:00 live"]);
  }));

Deno.test("snapshot() calls share a read that begins after they were made", () =>
  withHub(async ({ hub, database, pass }) => {
    database.slowMs = 100;
    const first = hub.snapshot("north");
    await pass(10);
    database.version = 2; // the read under way does not show it
    const others = Array.from({ length: SUBSCRIBERS }, () => hub.snapshot("north"));
    await pass(300);
    const versions = (await Promise.all(others)).map(({ version }) => version);
    assertEquals([(await first).version, new Set(versions)], [1, new Set([2])]);
    assertEquals(database.reads, ["north", "north"]);
  }));
