import { assertEquals } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import { type DatabaseHealth, startDatabaseHealth } from "../../../server/live/database_health.ts";
import { figuresAt } from "../../support/recount/figures.ts";

const START = Date.parse("2026-11-22T10:00:10.000Z");

interface HealthTest {
  readonly health: DatabaseHealth;
  /** The news so far, each with the seconds since the start. */
  readonly news: string[];
  readonly checks: () => number;
  /** Takes the database away, or brings it back. */
  setAway(away: boolean): void;
  /** Stops the folds, or lets them go on. */
  setFolding(folding: boolean): void;
  pass(ms: number): Promise<void>;
}

/** Runs `test` with a health that has just started, on a database that is at version 7. */
async function withHealth(test: (health: HealthTest) => Promise<void>): Promise<void> {
  using time = new FakeTime(START);
  const news: string[] = [];
  const now = () => time.now - START;
  const tell = (what: string) => void news.push(`${now() / 1_000} ${what}`);
  let [away, checks, foldedUntil] = [false, 0, Infinity];
  const readNewest = () => {
    checks++;
    return away ? Promise.reject(new Error("the database is away")) : Promise.resolve({
      epoch: 1,
      version: 7,
      now: new Date(time.now),
      foldedAt: new Date(Math.min(foldedUntil, time.now)),
    });
  };
  const health = startDatabaseHealth({ readNewest, now, oldAfterMs: 12_000 }, {
    databaseAnswered: ({ epoch, version }) => tell(`answered ${epoch}:${version}`),
    databaseFailed: () => tell("failed"),
    staleChanged: (isStale) => tell(isStale ? "stale" : "not stale"),
  });
  const pass = async (ms: number) => {
    for (let left = ms; left > 0; left -= 100) {
      time.tick(100);
      await settle();
    }
  };
  await settle();
  const setFolding = (to: boolean) => foldedUntil = to ? Infinity : time.now;
  await test({ health, news, checks: () => checks, setAway: (to) => away = to, setFolding, pass });
  health.stop();
}

async function settle(): Promise<void> {
  for (let round = 0; round < 10; round++) await Promise.resolve();
}

Deno.test("the check asks the database at once and then every 2.4 s", () =>
  withHealth(async ({ health, news, pass }) => {
    await pass(5_000);
    assertEquals(news, ["0 answered 1:7", "2.4 answered 1:7", "4.8 answered 1:7"]);
    assertEquals([health.now(), health.isStale, health.isAway], [START + 5_000, false, false]);
  }));

Deno.test("the health is away after one failed call, and stale 5 s after the last answer", () =>
  withHealth(async ({ health, news, setAway, pass }) => {
    setAway(true);
    await pass(2_400);
    assertEquals([health.isStale, health.isAway], [false, true]);
    await pass(2_700);
    assertEquals(news.slice(1), ["2.4 failed", "4.8 failed", "5 stale"]);
    assertEquals([health.isStale, health.isAway], [true, true]);
    setAway(false);
    await pass(2_400);
    assertEquals(news.slice(4), ["7.2 not stale", "7.2 answered 1:7"]);
    assertEquals([health.isStale, health.isAway], [false, false]);
  }));

Deno.test("an answer to another call counts like a check's", () =>
  withHealth(async ({ health, news, setAway, pass }) => {
    setAway(true);
    await pass(4_900);
    health.answered(START + 4_900, 4_900, START + 4_900);
    assertEquals([health.isAway, news.slice(1)], [false, ["2.4 failed", "4.8 failed"]]);
    health.failed(new Error("the database is away"));
    assertEquals(health.isAway, true);
    await pass(5_000);
    assertEquals(news.slice(3), ["7.2 failed", "9.6 failed", "9.9 stale"]);
  }));

Deno.test("figures are stale while no fold ends, and not a check longer", () =>
  withHealth(async ({ health, news, setFolding, pass }) => {
    await pass(2_400);
    setFolding(false);
    await pass(12_000);
    assertEquals([health.isStale, health.signs.figuresAgeMs], [false, 12_000]);
    await pass(2_400);
    assertEquals(news.slice(-2), ["16.8 stale", "16.8 answered 1:7"]);
    assertEquals([health.isStale, health.isSilent, health.isAway], [true, false, false]);
    setFolding(true);
    await pass(2_400);
    assertEquals(news.slice(-2), ["19.2 not stale", "19.2 answered 1:7"]);
  }));

Deno.test("figures stay stale when the database is back and no fold has ended yet", () =>
  withHealth(async ({ health, news, setAway, setFolding, pass }) => {
    setFolding(false);
    setAway(true);
    await pass(20_000);
    setAway(false);
    await pass(4_000);
    assertEquals(news.filter((line) => /stale/.test(line)), ["5 stale"]);
    assertEquals([health.isStale, health.isSilent, health.signs.backAt], [true, false, 21_600]);
    setFolding(true);
    await pass(2_400);
    assertEquals(news.filter((line) => /stale/.test(line)), ["5 stale", "26.4 not stale"]);
  }));

Deno.test("mayShow() lets figures pass in their minute, and later only if they are stale", () =>
  withHealth(async ({ health, setAway, pass }) => {
    const figures = figuresAt(START, 7);
    await pass(49_900);
    assertEquals([health.mayShow(figures), health.isNow(figures.minute)], [true, true]);
    await pass(100);
    assertEquals([health.mayShow(figures), health.isNow(figures.minute)], [false, false]);
    setAway(true);
    await pass(5_100);
    assertEquals([health.mayShow(figures), health.isNow(figures.minute)], [true, false]);
  }));

Deno.test("mayShow() lets no figures of a past minute pass while only the folds stand still", () =>
  withHealth(async ({ health, setFolding, pass }) => {
    const figures = figuresAt(START, 7);
    setFolding(false);
    await pass(60_000);
    assertEquals([health.isStale, health.mayShow(figures)], [true, false]);
  }));

Deno.test("stop() ends the check and all news", () =>
  withHealth(async ({ health, news, checks, setAway, pass }) => {
    const before = news.splice(0);
    health.stop();
    setAway(true);
    await pass(10_000);
    assertEquals([before, news, checks()], [["0 answered 1:7"], [], 1]);
    health.stop();
    health.answered(START, 0, START);
    assertEquals(news, []);
  }));

Deno.test("a check that ends after stop() is no news, whether it was answered or failed", async () => {
  for (const isAnswered of [true, false]) {
    const check = Promise.withResolvers<
      { epoch: number; version: number; now: Date; foldedAt: Date }
    >();
    const news: string[] = [];
    const health = startDatabaseHealth({
      readNewest: () => check.promise,
      now: () => 0,
      oldAfterMs: 12_000,
    }, {
      databaseAnswered: () => void news.push("answered"),
      databaseFailed: () => void news.push("failed"),
      staleChanged: () => void news.push("stale"),
    });
    health.stop();
    if (isAnswered) {
      check.resolve({ epoch: 1, version: 7, now: new Date(START), foldedAt: new Date(START) });
    } else check.reject(new Error("the database is away"));
    await settle();
    assertEquals(news, []);
  }
});
