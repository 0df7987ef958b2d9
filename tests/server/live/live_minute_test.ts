/** The minute turns: frames of the live hub around it, at midnight, and while no order comes. */
import { assertEquals } from "@std/assert";
import { briefly, noticeOf, TEN_O_CLOCK, withHub } from "../../support/doubles/fake_hub.ts";

const SECOND = 1_000;
const MINUTE = 60 * SECOND;

Deno.test("the minute before is not shown as live while the new minute is being read", () =>
  withHub(async ({ hub, database, watch, pass }) => {
    const early = watch();
    await pass(49 * SECOND);
    database.slowMs = 2 * SECOND;
    await pass(1_500); // half a second past the minute's end
    const late = watch();
    const asked = hub.snapshot("*");
    await pass(1_000);
    assertEquals([early.seen, late.seen], [["1:1 10:00 database"], []]);
    await pass(3 * SECOND);
    assertEquals([early.seen.slice(1), late.seen], [["1:1 10:01 live"], ["1:1 10:01 live"]]);
    assertEquals(briefly(await asked), "10:01 database");
  }));

Deno.test("the minute before is not shown as live after the read of the new minute failed", () =>
  withHub(async ({ hub, database, watch, pass }) => {
    watch();
    await pass(49_900);
    database.away = true;
    await pass(200);
    database.away = false; // the hub has not noticed yet
    const late = watch();
    assertEquals(briefly(await hub.snapshot("*")), "10:01 database");
    await pass(0);
    assertEquals(late.seen, ["1:1 10:01 live"]);
  }));

Deno.test("an answer that comes after its minute's end is not shown, and the scope is read again", () =>
  withHub(async ({ hub, database, watch, pass }) => {
    const { seen } = watch();
    await pass(49_500);
    database.slowMs = 1_000;
    database.version = 2;
    hub.notice(noticeOf(2, ["*"]));
    await pass(990);
    database.slowMs = 0;
    assertEquals(seen, ["1:1 10:00 database"]);
    await pass(100);
    assertEquals(seen.slice(1), ["1:2 10:01 live"]);
  }));

Deno.test("every scope gets its new minute, even if another scope was read just before", () =>
  withHub(async ({ hub, database, watch, pass }) => {
    watch();
    const quiet = watch("quiet");
    await pass(50_010); // past the minute's end, and before the timer rings
    assertEquals(quiet.seen, ["1:1 10:00 database"]);
    database.versions.set("quiet", 1);
    database.version = 2;
    hub.notice(noticeOf(2, ["*"]));
    await pass(100);
    assertEquals(quiet.seen.slice(1), ["1:1 10:01 live"]);
  }));

Deno.test("the minute before is not shown as live when the database comes back", () =>
  withHub(async ({ hub, database, watch, pass }) => {
    const { seen } = watch();
    await pass(46_000);
    database.away = true;
    await pass(7 * SECOND);
    assertEquals(seen, ["1:1 10:00 database", "1:1 10:00 live stale"]);
    assertEquals(briefly(await hub.snapshot("*")), "10:00 live stale");
    database.slowMs = 500;
    database.away = false;
    await pass(4 * SECOND);
    assertEquals(seen.slice(2), ["1:1 10:01 live"]);
  }));

Deno.test("the last frame of the minute before is shown while the database is away and not yet stale", () =>
  withHub(async ({ hub, database, watch, pass }) => {
    watch();
    await pass(49_900);
    database.away = true;
    await pass(200);
    const late = watch();
    await pass(0);
    assertEquals(late.seen, ["1:1 10:00 live"]);
    assertEquals(briefly(await hub.snapshot("*")), "10:00 live");
  }));

Deno.test("today begins with zero at midnight, in frames and in snapshots", () =>
  withHub(async ({ hub, database, cache, watch, pass }) => {
    const { snapshots } = watch();
    const shown = () =>
      snapshots.map(({ minute, currencies: [eur] }) => [minute, eur?.today.orders]);
    await pass(49_990);
    assertEquals(shown(), [["2026-11-22T23:59:00.000Z", 22]]);
    assertEquals(cache.get("*")?.minute, "2026-11-22T23:59:00.000Z");
    database.slowMs = 100;
    await pass(20);
    const late = watch();
    const asked = hub.snapshot("*");
    await pass(300);
    assertEquals(shown().slice(1), [["2026-11-23T00:00:00.000Z", 23]]);
    assertEquals(late.snapshots.map(({ currencies: [eur] }) => eur?.today.orders), [23]);
    assertEquals((await asked).currencies[0]?.today.orders, 23);
  }, { at: Date.parse("2026-11-22T23:59:00.000Z") }));

Deno.test("each minute of an idle quarter of an hour has its frame, and a late subscriber gets the newest", () =>
  withHub(async ({ hub, database, watch, pass }) => {
    const { seen } = watch();
    await pass(15 * MINUTE);
    const minutes = Array.from({ length: 15 }, (_, index) => `1:1 10:${pad(index + 1)} live`);
    assertEquals(seen, ["1:1 10:00 database", ...minutes]);
    assertEquals(database.reads.length, 16);
    const late = watch();
    await pass(0);
    assertEquals(late.seen, ["1:1 10:15 live"]);
    assertEquals(briefly(await hub.snapshot("*")), "10:15 database");
  }));

Deno.test("a frame from before a quarter of an hour without subscribers is not shown", () =>
  withHub(async ({ hub, database, cache, watch, pass }) => {
    const before = watch();
    await pass(0);
    before.stop.abort();
    await before.over;
    assertEquals(cache.get("*")?.minute, new Date(TEN_O_CLOCK).toISOString());
    await pass(15 * MINUTE);
    database.slowMs = 700; // long enough for the hub to look for a kept snapshot
    const late = watch();
    const asked = hub.snapshot("*");
    await pass(800);
    assertEquals(late.seen, ["1:1 10:15 database"]);
    assertEquals(briefly(await asked), "10:15 database");
  }));

function pad(minute: number): string {
  return String(minute).padStart(2, "0");
}
