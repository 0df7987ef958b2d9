/**
 * The live hub: keeps the watched scopes up with the folds, and sends their frames to all
 * subscribers.
 *
 * It reads a scope again for three reasons: a notice names it; the minute turns, which moves the
 * windows without an order; or the regular check finds a fold that no notice told of. When the
 * database has been silent for 5 s, or no fold has ended for some time, the hub shows its frames
 * marked as stale.
 *
 * While the database answers, no frame of a past minute is shown, because its windows are not those
 * of now. Only the database says what time it is.
 */
import type { Snapshot } from "../../client/contract/snapshot.ts";
import type { Notice } from "../../sql/figures/notices.ts";
import type { NewestPosition } from "../../sql/figures/position.ts";
import type { Figures } from "../../sql/figures/snapshots.ts";
import { minuteOf } from "../../sql/time.ts";
import { settlesWithin } from "../../sql/waiting.ts";
import {
  type DatabaseHealth,
  type HealthListener,
  type HealthSigns,
  startDatabaseHealth,
} from "./database_health.ts";
import { FrameReader } from "./frame_reader.ts";
import { KnownFolds } from "./known_folds.ts";
import { MinuteTimer } from "./minute_timer.ts";
import { forFold, forMinute } from "./read_request.ts";
import { ScopeFeed } from "./scope_feed.ts";
import { SharedReads } from "./shared_reads.ts";
import {
  compareFigures,
  comparePositions,
  eventIdOf,
  type Frame,
  type Position,
  snapshotOf,
} from "./snapshot.ts";
import type { SnapshotCache } from "./snapshot_cache.ts";
import { Subscriber } from "./subscriber.ts";

export interface LiveHubOptions {
  readonly readFigures: (scope: string) => Promise<Figures>;
  /** Reads the newest fold and the database's clock. */
  readonly readNewest: () => Promise<Position & { readonly now: Date; readonly foldedAt: Date }>;
  /** Figures are old when no fold has ended for this time. */
  readonly oldAfterMs: number;
  /** The newest position that this instance knows; the hub reports to it what it reads. */
  readonly newest: NewestPosition;
  /** The snapshots kept in Redis, for first frames and outages. */
  readonly cache: SnapshotCache;
  /** Monotonic, milliseconds. */
  readonly now: () => number;
  readonly onSkippedFrame: () => void;
  /** Called for each frame sent, with the time since the oldest change in it was written. */
  readonly onFrame: (freshnessMs: number) => void;
}

export interface LiveHub {
  /** How many subscriptions are open. */
  readonly subscribers: number;
  /** The database as the hub sees it: its findings, and its clock (null: not known). */
  health(): HealthSigns & { readonly now: number | null };
  /** Takes in the notice of a fold. */
  notice(notice: Notice): void;
  /**
   * The snapshot of `scope` now. While the database answers, it is read after this call began.
   * @throws NoSnapshot
   */
  snapshot(scope: string): Promise<Snapshot>;
  /**
   * The frames of `scope`: the newest at once, then each newer one as soon as it can be sent.
   * @param floor the position that the subscriber has seen; nothing below it is yielded.
   */
  watch(
    scope: string,
    floor: Position | null,
    signal: AbortSignal | undefined,
    outlet?: Outlet,
  ): AsyncGenerator<LiveFrame>;
  /** Ends every subscription and every timer. Legal twice. */
  stop(): Promise<void>;
}

/** The way of the frames to one subscriber. */
export interface Outlet {
  /** Resolves when a frame can be sent; the frame is chosen only then. Default: at once. */
  readonly readyToSend?: () => Promise<void>;
  /** True: the subscriber wants few frames, so the age of its frames and its skips tell nothing. */
  readonly isSparse: boolean;
}

export interface LiveFrame {
  /** `<epoch>:<version>`. */
  readonly id: string;
  readonly snapshot: Snapshot;
}

/** There is no snapshot of a scope: the database does not answer, and none was kept. */
export class NoSnapshot extends Error {
  constructor() {
    super("the database does not answer, and no snapshot of this scope was kept");
    this.name = "NoSnapshot";
  }
}

/** A snapshot call waits this long for the database before it looks for an older snapshot. */
const READ_TIMEOUT_MS = 500;

/** Starts a live hub. */
export function startLiveHub(options: LiveHubOptions): LiveHub {
  return new Hub(options);
}

class Hub implements LiveHub, HealthListener {
  readonly #feeds = new Map<string, ScopeFeed>();
  readonly #folds: KnownFolds;
  readonly #minuteTimer = new MinuteTimer(() => this.#minuteTurned());
  readonly #health: DatabaseHealth;
  readonly #reader: FrameReader;
  readonly #reads = new SharedReads((scope) => this.#reader.readAndKeep(scope));
  #stopped = false;

  constructor(readonly options: LiveHubOptions) {
    this.#folds = new KnownFolds(options.newest);
    this.#health = startDatabaseHealth(options, this);
    this.#reader = new FrameReader({
      ...options,
      folds: this.#folds,
      health: this.#health,
      minuteTimer: this.#minuteTimer,
    });
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#health.stop();
    this.#minuteTimer.stop();
    await Promise.all([...this.#feeds.values()].map((feed) => feed.stop()));
  }

  get subscribers(): number {
    return [...this.#feeds.values()].reduce((sum, feed) => sum + feed.subscribers, 0);
  }

  health(): HealthSigns & { readonly now: number | null } {
    return { ...this.#health.signs, now: this.#health.now() };
  }

  notice(notice: Notice): void {
    const { epoch, version, writtenAt } = notice;
    const scopes = this.#folds.hear(notice);
    for (const scope of scopes === "all" ? [...this.#feeds.keys()] : scopes) {
      this.#feeds.get(scope)?.request(forFold({ epoch, version }, writtenAt));
    }
  }

  async snapshot(scope: string): Promise<Snapshot> {
    const reading = this.#reads.next(scope).catch(() => null);
    const read = await settlesWithin(READ_TIMEOUT_MS, reading) ? await reading : null;
    if (read !== null) return this.#show(read, "database");
    const watched = this.#feeds.get(scope)?.frame ?? null;
    if (watched !== null && this.#health.mayShow(watched.figures)) {
      return this.#show(watched, "live");
    }
    const kept = await this.#reader.readKept(scope);
    if (kept !== null && (watched === null || compareFigures(kept.figures, watched.figures) > 0)) {
      return this.#show(kept, "cache");
    }
    const late = await reading;
    if (late !== null) return this.#show(late, "database");
    // The database has failed this call, so the last frame will do, even of a past minute.
    if (watched !== null) return this.#show(watched, "live");
    const last = await this.#reader.readKept(scope);
    if (last !== null) return this.#show(last, "cache");
    throw new NoSnapshot();
  }

  async *watch(
    scope: string,
    floor: Position | null,
    signal: AbortSignal | undefined,
    { readyToSend, isSparse }: Outlet = { isSparse: false },
  ): AsyncGenerator<LiveFrame> {
    if (this.#stopped) return;
    const onSkipped = isSparse ? () => undefined : this.options.onSkippedFrame;
    const subscriber = new Subscriber(floor, onSkipped, readyToSend);
    const end = () => subscriber.end();
    signal?.addEventListener("abort", end, { once: true });
    if (signal?.aborted) end();
    const feed = this.#feedOf(scope);
    feed.add(subscriber);
    try {
      for (let next = await subscriber.next(); next !== null; next = await subscriber.next()) {
        const { frame, source } = next;
        if (!isSparse) this.#observeFreshness(frame);
        yield { id: eventIdOf(frame.figures), snapshot: this.#show(frame, source) };
      }
    } finally {
      signal?.removeEventListener("abort", end);
      feed.remove(subscriber);
      if (feed.subscribers === 0) this.#feeds.delete(scope);
    }
  }

  databaseAnswered(newest: Position): void {
    this.options.newest.see(newest);
    if (comparePositions(newest, this.#folds.heard) > 0) {
      this.notice({ format: 1, ...newest, scopes: "all", writtenAt: null });
    }
    for (const feed of this.#feeds.values()) feed.databaseAnswered();
    this.#minuteTurned();
  }

  databaseFailed(): void {
    for (const feed of this.#feeds.values()) feed.databaseFailed();
  }

  staleChanged(isStale: boolean): void {
    for (const feed of this.#feeds.values()) feed.staleChanged(isStale);
  }

  /** Reads again every watched scope whose minute is over by the database's clock. */
  #minuteTurned(): void {
    const now = this.#health.now();
    if (now === null) return;
    for (const feed of this.#feeds.values()) feed.request(forMinute(minuteOf(now)));
  }

  #feedOf(scope: string): ScopeFeed {
    const feed = this.#feeds.get(scope) ?? new ScopeFeed(scope, this.#reader);
    this.#feeds.set(scope, feed);
    return feed;
  }

  #show(frame: Frame, source: Snapshot["source"]): Snapshot {
    const { isStale } = this.#health;
    return snapshotOf(frame, { source, stale: isStale, now: this.options.now() });
  }

  /** Reports how old the oldest change is, by the database's clock carried on by the monotonic one. */
  #observeFreshness({ figures, askedAt, writtenAt }: Frame): void {
    if (writtenAt === null) return;
    const databaseNow = Date.parse(figures.readAt) + this.options.now() - askedAt;
    this.options.onFrame(Math.max(0, databaseNow - Date.parse(writtenAt)));
  }
}
