/**
 * A live hub by a clock that only the test moves, on a database and a cache of which the test says
 * what they answer, and when. The instance's own calendar is an hour behind theirs.
 */
import { FakeTime } from "@std/testing/time";
import { LiveHub } from "../../../server/live/live_hub.ts";
import type { Position } from "../../../server/live/snapshot.ts";
import type { Notice } from "../../../sql/figures/notices.ts";
import type { Figures } from "../../../sql/figures/snapshots.ts";
import { minuteOf } from "../../../sql/time.ts";
import { figuresAt } from "../recount/figures.ts";
import type { CurrencyFigures, Snapshot } from "../../../client/contract/snapshot.ts";

export const TEN_O_CLOCK = Date.parse("2026-11-22T10:00:00.000Z");

const CALENDAR_BEHIND_MS = 3_600_000;

const AWAY = "the database is away";

/** A database of which the test says what version it has, whether it answers, and how soon. */
export class FakeDatabase {
  /** Of every scope, unless `versions` has another one. */
  version = 1;
  readonly versions = new Map<string, number>();
  epoch = 1;
  away = false;
  /** What an answer takes; what it says is of the moment of the question. */
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
      currencies: [ordersOfTheDay(now)],
    }));
  }

  async readNewest(now: number): Promise<Position & { now: Date }> {
    if (this.away) throw new Error(AWAY);
    const { epoch, version } = this;
    return await this.#answer({ epoch, version, now: new Date(now) });
  }

  async #answer<T>(answer: T): Promise<T> {
    if (this.slowMs > 0) await new Promise((resolve) => setTimeout(resolve, this.slowMs));
    if (this.away) throw new Error(AWAY);
    return answer;
  }
}

/** As many orders today as the month has days by then: each day has a figure of its own. */
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
  readonly database: FakeDatabase;
  /** As Redis, it gives nothing whose minute is over by its own clock. */
  readonly cache: Map<string, Figures>;
  readonly freshnessMs: number[];
  readonly skipped: () => number;
  watch(scope?: string, floor?: Position): Watcher;
  /** Lets `ms` pass, with all that comes of it. */
  pass(ms: number): Promise<void>;
}

/** What a test begins with: the minute (Unix ms), and how the database is. */
export interface HubTestOptions {
  readonly at?: number;
  readonly database?: Partial<Pick<FakeDatabase, "version" | "away" | "slowMs">>;
  /** By how much the cache's clock is behind the database's. */
  readonly cacheBehindMs?: number;
}

/** Runs `test` with a hub that has just started, at ten seconds past ten or past another minute. */
export async function withHub(
  test: (hub: HubTest) => Promise<void>,
  { at = TEN_O_CLOCK, cacheBehindMs = 0, ...options }: HubTestOptions = {},
): Promise<void> {
  using time = new FakeTime(at + 10_000 - CALENDAR_BEHIND_MS);
  const databaseNow = () => time.now + CALENDAR_BEHIND_MS;
  const database = Object.assign(new FakeDatabase(), options.database);
  const cache = new Map<string, Figures>();
  const freshnessMs: number[] = [];
  let skipped = 0;
  const hub = new LiveHub({
    readFigures: (scope) => database.readFigures(scope, databaseNow()),
    readNewest: () => database.readNewest(databaseNow()),
    cache: {
      read: (scope) => {
        const [figures, now] = [cache.get(scope), databaseNow() - cacheBehindMs];
        if (figures?.minute !== minuteOf(now)) return Promise.resolve(null);
        return Promise.resolve({ figures, readAgoMs: now - Date.parse(figures.readAt) });
      },
      write: (figures) => void cache.set(figures.scope, figures),
    },
    now: () => time.now - time.start, // monotonic: of no calendar
    onSkippedFrame: () => skipped++,
    onFrame: (ms) => freshnessMs.push(ms),
  });
  const watch = (scope = "*", floor?: Position): Watcher => {
    const watcher = { seen: [] as string[], snapshots: [] as Snapshot[] };
    const stop = new AbortController();
    const over = (async () => {
      for await (const { id, snapshot } of hub.watch(scope, floor ?? null, stop.signal)) {
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
  hub.start();
  await test({ hub, database, cache, freshnessMs, skipped: () => skipped, watch, pass });
  await hub.stop();
}

/** `<minute> <source>[ stale]`. */
export function briefly({ minute, source, stale }: Snapshot): string {
  return `${minute.slice(11, 16)} ${source}${stale ? " stale" : ""}`;
}

/** Lets promises run until nothing more comes of them. */
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
