/** Kept snapshots in the live hub: when it serves one from the cache, and when it must not. */
import { assertEquals, assertRejects } from "@std/assert";
import { NoSnapshot } from "../../../server/live/live_hub.ts";
import type { Figures } from "../../../sql/figures/snapshots.ts";
import { figuresAt } from "../../support/recount/figures.ts";
import {
  briefly,
  type HubTest,
  noticeOf,
  TEN_O_CLOCK,
  withHub,
} from "../../support/doubles/fake_hub.ts";

function keep(cache: Map<string, Figures>, scope: string, version: number, fold = version) {
  cache.set(scope, figuresAt(TEN_O_CLOCK, version, { scope, fold }));
}

/** The version of the snapshot of a scope; null: there is none. */
async function shown(hub: HubTest["hub"], scope: string): Promise<number | null> {
  try {
    return (await hub.snapshot(scope)).version;
  } catch (error) {
    if (error instanceof NoSnapshot) return null;
    throw error;
  }
}

Deno.test("a kept snapshot serves first frames while the database is away, unless its epoch is old", () =>
  withHub(async ({ hub, database, cache, watch, pass }) => {
    keep(cache, "north", 7);
    await pass(0);
    database.away = true;
    const { seen } = watch("north");
    await pass(0);
    assertEquals(seen, ["1:7 10:00 cache"]);
    assertEquals((await hub.snapshot("north")).source, "live", "a watched scope is in memory");
    keep(cache, "south", 7);
    assertEquals((await hub.snapshot("south")).source, "cache");
    hub.notice(noticeOf(1, "all", { epoch: 2 }));
    await assertRejects(() => hub.snapshot("south"), NoSnapshot);
    await assertRejects(() => hub.snapshot("nobody"), NoSnapshot);
  }));

Deno.test("a subscriber without a frame gets the kept snapshot as soon as the cache has it", () =>
  withHub(async ({ cache, watch, pass }) => {
    const { seen } = watch("north");
    await pass(500);
    assertEquals(seen, []);
    keep(cache, "north", 7); // as when Redis connects only now
    await pass(2_500);
    assertEquals(seen, ["1:7 10:00 cache"]);
  }, { database: { away: true } }));

Deno.test("a kept snapshot is as old as the database's answer in it", () =>
  withHub(async ({ hub, cache }) => {
    keep(cache, "north", 7);
    assertEquals((await hub.snapshot("north")).ageMs, 10_100);
  }, { database: { away: true } }));

Deno.test("a kept snapshot is not served if it may lack a known fold", () =>
  withHub(async ({ hub, database, cache, pass }) => {
    await pass(0);
    database.away = true;
    keep(cache, "north", 3, 4);
    keep(cache, "south", 3, 5);
    assertEquals([await shown(hub, "north"), await shown(hub, "south")], [null, 3]);
  }, { database: { version: 5 } }));

Deno.test("a kept snapshot is served if no fold since has changed its scope", () =>
  withHub(async ({ hub, database, cache, pass }) => {
    await pass(0);
    database.away = true;
    for (const scope of ["north", "south"]) keep(cache, scope, 3, 5);
    hub.notice(noticeOf(6, ["*", "west"]));
    hub.notice(noticeOf(7, ["*", "north"]));
    assertEquals([await shown(hub, "north"), await shown(hub, "south")], [null, 3]);
    hub.notice(noticeOf(9, ["*", "west"])); // the notice between was lost
    assertEquals(await shown(hub, "south"), null);
  }, { database: { version: 5 } }));

Deno.test("a kept snapshot is not served below figures that this instance has read itself", () =>
  withHub(async ({ hub, database, cache, pass }) => {
    await pass(0);
    database.version = 6; // no notice has told of it
    assertEquals(await shown(hub, "west"), 6);
    database.away = true;
    keep(cache, "north", 5);
    keep(cache, "south", 6);
    assertEquals([await shown(hub, "north"), await shown(hub, "south")], [null, 6]);
  }, { database: { version: 5 } }));

Deno.test("an instance that has not heard the database waits for it, even if it is slow", () =>
  withHub(async ({ hub, cache, watch, pass }) => {
    keep(cache, "north", 3);
    const { seen } = watch("north");
    const asked = hub.snapshot("north");
    await pass(3_100);
    assertEquals([seen, briefly(await asked)], [["1:5 10:00 database"], "10:00 database"]);
  }, { database: { version: 5, slowMs: 3_000 } }));

Deno.test("a subscriber that has seen more than was kept gets no frame until the database is back", () =>
  withHub(async ({ database, cache, watch, pass }) => {
    keep(cache, "north", 3);
    const floor = { epoch: 1, version: 5 };
    const resumed = watch("north", floor);
    const fresh = watch("north");
    await pass(6_000);
    assertEquals(fresh.seen, ["1:3 10:00 cache", "1:3 10:00 cache stale"]);
    assertEquals(resumed.seen, []);
    database.version = 5;
    database.away = false;
    await pass(3_000);
    assertEquals([resumed.seen, fresh.seen.slice(2)], [["1:5 10:00 live"], ["1:5 10:00 live"]]);
  }, { database: { away: true } }));

Deno.test("a kept snapshot of the minute before is not served, even if Redis's clock is behind", () =>
  withHub(async ({ hub, database, cache, pass }) => {
    await pass(0);
    database.away = true;
    keep(cache, "north", 7);
    await pass(49_000);
    assertEquals(await shown(hub, "north"), 7);
    await pass(2_000);
    assertEquals(await shown(hub, "north"), null);
  }, { cacheBehindMs: 5_000 }));
