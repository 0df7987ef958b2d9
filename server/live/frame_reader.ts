/**
 * The frame reader: reads the frame of a scope from the database, or from the cache while the
 * database is away. Feeds and snapshot calls share it.
 *
 * Each read of the database reports to the database's health and to the newest position, and its
 * figures are kept in the cache for other instances.
 *
 * Tested in tests/server/live/live_kept_test.ts.
 */
import type { NewestPosition } from "../../sql/figures/position.ts";
import type { Figures } from "../../sql/figures/snapshots.ts";
import type { DatabaseHealth } from "./database_health.ts";
import type { KnownFolds } from "./known_folds.ts";
import type { MinuteTimer } from "./minute_timer.ts";
import type { FeedReader } from "./scope_feed.ts";
import { foldOf, type Frame } from "./snapshot.ts";
import type { SnapshotCache } from "./snapshot_cache.ts";

export interface FrameReaderOptions {
  readonly readFigures: (scope: string) => Promise<Figures>;
  readonly cache: SnapshotCache;
  /** Monotonic, milliseconds. */
  readonly now: () => number;
  readonly newest: NewestPosition;
  readonly folds: KnownFolds;
  readonly health: DatabaseHealth;
  readonly minuteTimer: MinuteTimer;
}

export class FrameReader implements FeedReader {
  constructor(readonly options: FrameReaderOptions) {}

  async readAndKeep(scope: string): Promise<Frame> {
    const { readFigures, cache, now, newest, health } = this.options;
    const askedAt = now();
    try {
      const figures = await readFigures(scope);
      newest.see(foldOf(figures));
      health.answered(Date.parse(figures.readAt), askedAt, Date.parse(figures.foldedAt));
      cache.write(figures);
      return { figures, askedAt, writtenAt: null };
    } catch (error) {
      health.failed(error);
      throw error;
    }
  }

  async readKept(scope: string): Promise<Frame | null> {
    const { cache, now } = this.options;
    const kept = await cache.read(scope);
    if (kept === null || !this.#mayShowKept(kept.figures)) return null;
    return { figures: kept.figures, askedAt: now() - kept.readAgoMs, writtenAt: null };
  }

  mayShow(figures: Figures): boolean {
    return this.options.health.mayShow(figures);
  }

  awaitNextMinute(figures: Figures): void {
    this.options.minuteTimer.start(figures);
  }

  /**
   * False when the minute of kept figures is over, or when a fold known here has changed their
   * scope since they were read. An instance that knows no fold has not heard the database yet. It
   * shows kept figures only once the database is away.
   */
  #mayShowKept(figures: Figures): boolean {
    const { folds, health } = this.options;
    if (!health.isNow(figures.minute)) return false;
    return folds.areKnown ? folds.allow(figures) : health.isAway;
  }
}
