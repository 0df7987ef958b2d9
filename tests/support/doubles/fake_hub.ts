/**
 * A live hub on a fake database and a fake cache. The test sets the answers of both, and only the
 * test moves their clock. The instance's own calendar is an hour behind that clock.
 */
import { FakeTime } from "@std/testing/time";
import { type LiveHub, startLiveHub } from "../../../server/live/live_hub.ts";
import type { Position } from "../../../server/live/snapshot.ts";
import { FrameRate } from "../../../server/live/updates/frame_rate.ts";
import type { Notice } from "../../../sql/figures/notices.ts";
import { NewestPosition } from "../../../sql/figures/position.ts";
import type { Figures } from "../../../sql/figures/snapshots.ts";
import { minuteOf } from "../../../sql/time.ts";
import { figuresAt } from "../recount/figures.ts";
import type { CurrencyFigures, Snapshot } from "../../../client/contract/snapshot.ts";

export const TEN_O_CLOCK = Date.parse("2026-11-22T10:00:00.000Z");

const CALENDAR_BEHIND_MS = 3_600_000;

const AWAY = "the database is away";

/** A database whose version and delay the test sets, and which the test can take away. */
export class FakeDatabase {
  /** The version of every scope that `versions` does not hold. */
  version = 1;
  readonly versions = new Map<string, number>();
  epoch = 1;
  away = false;
  /** The latest time at which a fold may have ended, Unix milliseconds. */
  foldedUntil = Infinity;
  /** The time that an answer takes. The answer has the figures of the moment of the question. */
  slowMs = 0;
  /** The scopes that were read, in order. */
  readonly reads: string[] = [];

  async readFigures(scope: string, now: number): Promise<Figures> {
    if (this.away) throw new Error(AWAY);
    this.reads.push(scope);
    return await this.#answer(figuresAt(now, this.versions.get(scope) ?? this.version, {
      scope,
      epoch: this.epoch,
      fold: this.version,
      asOf: this.#asOf(now).toISOString(),
      foldedAt: this.#asOf(now).toISOString(),
      currencies: [ordersOfTheDay(now)],
    }));
  }

  async readNewest(now: number): Promise<Position & { now: Date; foldedAt: Date }> {
    if (this.away) throw new Error(AWAY);
    const { epoch, version } = this;
    return await this.#answer({ epoch, version, now: new Date(now), foldedAt: this.#asOf(now) });
  }

  /** The time of the newest fold: folds end all the time, unless the test has stopped them. */
  #asOf(now: number): Date {
    return new Date(Math.min(now - 100, this.foldedUntil));
  }

  async #answer<T>(answer: T): Promise<T> {
    if (this.slowMs > 0) await new Promise((resolve) => setTimeout(resolve, this.slowMs));
    if (this.away) throw new Error(AWAY);
    return answer;
  }
}

/** Counts as many orders as the day of the month, so that each day has another figure. */
function ordersOfTheDay(now: number): CurrencyFigures {
  const none = {
    orders: 0,
    units: "0",
    revenueMinor: "0",
    cancelledOrders: 0,
    cancelledRevenueMinor: "0",
  };
  return {
    currency: "EUR",
    today: { ...none, orders: new Date(now).getUTCDate() },
    last60m: none,
    hasDetail: true,
    minutes: [],
    topProducts: [],
  };
}

export interface Watcher {
  /** `<id> <minute> <source>[ stale]` of each frame. */
  readonly seen: string[];
  readonly snapshots: Snapshot[];
  readonly stop: AbortController;
  /** Resolves when the subscription is over. */
  readonly over: Promise<void>;
}

export interface HubTest {
  readonly hub: LiveHub;
  readonly newest: NewestPosition;
  readonly database: FakeDatabase;
  /** Like Redis, it answers nothing after the minute of the figures, by its own clock. */
  readonly cache: Map<string, Figures>;
  readonly freshnessMs: number[];
  readonly skipped: () => number;
  /** @param maxFramesPerSecond default: every frame at once. */
  watch(scope?: string, floor?: Position, maxFramesPerSecond?: number): Watcher;
  /** Lets `ms` pass, and runs everything that is due. */
  pass(ms: number): Promise<void>;
}

/** The start of a test. */
export interface HubTestOptions {
  /** The minute, Unix milliseconds. */
  readonly at?: number;
  readonly database?: Partial<Pick<FakeDatabase, "version" | "away" | "slowMs">>;
  /** The cache's clock is this far behind the database's. */
  readonly cacheBehindMs?: number;
}

/** Runs `test` with a hub that has just started, ten seconds into the minute. */
export async function withHub(
  test: (hub: HubTest) => Promise<void>,
  { at = TEN_O_CLOCK, cacheBehindMs = 0, ...options }: HubTestOptions = {},
): Promise<void> {
  using time = new FakeTime(at + 10_000 - CALENDAR_BEHIND_MS);
  const databaseNow = () => time.now + CALENDAR_BEHIND_MS;
  const database = Object.assign(new FakeDatabase(), options.database);
  const cache = new Map<string, Figures>();
  const freshnessMs: number[] = [];
  const newest = new NewestPosition();
  let skipped = 0;
  const hub = startLiveHub({
    readFigures: (scope) => database.readFigures(scope, databaseNow()),
    readNewest: () => database.readNewest(databaseNow()),
    newest,
    oldAfterMs: 12_000,
    cache: {
      read: (scope) => {
        const [figures, now] = [cache.get(scope), databaseNow() - cacheBehindMs];
        if (figures?.minute !== minuteOf(now)) return Promise.resolve(null);
        return Promise.resolve({ figures, readAgoMs: now - Date.parse(figures.readAt) });
      },
      write: (figures) => void cache.set(figures.scope, figures),
    },
    now: () => time.now - time.start, // monotonic, from zero
    onSkippedFrame: () => skipped++,
    onFrame: (ms) => freshnessMs.push(ms),
  });
  const watch = (scope = "*", floor?: Position, maxFramesPerSecond?: number): Watcher => {
    const rate = maxFramesPerSecond === undefined
      ? null
      : new FrameRate(maxFramesPerSecond, () => time.now);
    const outlet = rate === null
      ? undefined
      : { readyToSend: () => rate.whenDue(() => Promise.resolve()), isSparse: true };
    const watcher = { seen: [] as string[], snapshots: [] as Snapshot[] };
    const stop = new AbortController();
    const over = (async () => {
      for await (const { id, snapshot } of hub.watch(scope, floor ?? null, stop.signal, outlet)) {
        rate?.sent();
        watcher.seen.push(`${id} ${briefly(snapshot)}`);
        watcher.snapshots.push(snapshot);
      }
    })();
    return { ...watcher, stop, over };
  };
  const pass = async (ms: number) => {
    await settle();
    for (let left = ms; left > 0; left -= 10) {
      time.tick(Math.min(10, left));
      await settle();
    }
  };
  await test({ hub, newest, database, cache, freshnessMs, skipped: () => skipped, watch, pass });
  await hub.stop();
}

/** `<minute> <source>[ stale]`. */
export function briefly({ minute, source, stale }: Snapshot): string {
  return `${minute.slice(11, 16)} ${source}${stale ? " stale" : ""}`;
}

/** Lets all ready promises run. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 40; turn++) await Promise.resolve();
}

export function noticeOf(
  version: number,
  scopes: Notice["scopes"],
  parts: Partial<Notice> = {},
): Notice {
  return { format: 1, epoch: 1, version, scopes, writtenAt: null, ...parts };
}
