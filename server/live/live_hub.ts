/**
 * The live hub: keeps the scopes that someone watches up with the folds, and fans their frames out.
 *
 * It reads a scope again when a notice names it, when the minute turns (the windows move without an
 * order), and when the regular check of the database finds a version that no notice spoke of. When
 * the database falls silent it shows what it has, marked as stale.
 */
import type { Figures } from "../../sql/snapshots.ts";
import type { Notice } from "../../sql/notices.ts";
import { MINUTE_MS } from "../../sql/time.ts";
import { settlesWithin } from "../pause.ts";
import { ScopeFeed } from "./scope_feed.ts";
import {
  comparePositions,
  eventIdOf,
  type Frame,
  type Position,
  type Snapshot,
  snapshotOf,
} from "./snapshot.ts";
import { Subscriber } from "./subscriber.ts";

export interface LiveHubOptions {
  readonly readFigures: (scope: string) => Promise<Figures>;
  readonly readNewest: () => Promise<Position>;
  /** The snapshots kept outside, for first frames and outages. */
  readonly cache: SnapshotCache;
  /** Monotonic, milliseconds. */
  readonly now: () => number;
  readonly onSkippedFrame: () => void;
  /** A frame is being sent, this long after the oldest change in it was written. */
  readonly onFrame: (freshnessMs: number) => void;
}

/** Snapshots kept where other instances find them; both calls may do nothing. */
export interface SnapshotCache {
  read(scope: string): Promise<Figures | null>;
  write(figures: Figures): void;
}

export interface LiveFrame {
  /** `<epoch>:<version>`. */
  readonly id: string;
  readonly snapshot: Snapshot;
}

/** No snapshot could be had: the database does not answer and nothing was kept. */
export class NoSnapshot extends Error {}

const CHECK_EVERY_MS = 3_000;
const STALE_AFTER_MS = 5_000;
/** What a read may take before something older has to do. */
const PATIENCE_MS = 500;
/** A minute's turn is looked for this long after it, so that the database's clock has passed it. */
const TURN_GRACE_MS = 20;

export class LiveHub {
  readonly #feeds = new Map<string, ScopeFeed>();
  #newest: Position = { epoch: 0, version: 0 };
  #stale = false;
  #checkTimer: ReturnType<typeof setTimeout> | undefined;
  #staleTimer: ReturnType<typeof setTimeout> | undefined;
  #turnTimer: ReturnType<typeof setTimeout> | undefined;
  #stopped = false;

  constructor(readonly options: LiveHubOptions) {}

  /** Starts the regular check. */
  start(): void {
    this.#answered();
    void this.#check();
    this.#checkTimer = setInterval(() => void this.#check(), CHECK_EVERY_MS);
  }

  /** Ends every subscription and every timer. Legal twice. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearInterval(this.#checkTimer);
    clearTimeout(this.#staleTimer);
    clearTimeout(this.#turnTimer);
    const feeds = [...this.#feeds.values()];
    for (const feed of feeds) {
      for (const subscriber of feed.subscribers) subscriber.end();
    }
    await Promise.all(feeds.map((feed) => feed.settled()));
  }

  get subscribers(): number {
    return [...this.#feeds.values()].reduce((sum, feed) => sum + feed.subscribers.size, 0);
  }

  /** A fold has changed something. */
  notice(notice: Notice): void {
    // Versions follow each other: where one is missing, its notice was lost, and with it its scopes.
    const { epoch, version } = this.#newest;
    const isNewer = comparePositions(notice, this.#newest) > 0;
    const follows = notice.epoch === epoch && notice.version === version + 1;
    if (isNewer) this.#newest = notice;
    const scopes = notice.scopes === "all" || (isNewer && !follows)
      ? [...this.#feeds.keys()]
      : notice.scopes;
    for (const scope of scopes) {
      const feed = this.#feeds.get(scope);
      if (feed !== undefined && !feed.has(notice)) feed.reload(notice.writtenAt);
    }
  }

  /** The snapshot of `scope` now. @throws NoSnapshot */
  async snapshot(scope: string): Promise<Snapshot> {
    const reading = this.#load(scope, null).catch(() => null);
    const read = await settlesWithin(PATIENCE_MS, reading) ? await reading : null;
    if (read !== null) return this.#show(read, "database");
    const watched = this.#feeds.get(scope)?.newest ?? null;
    if (watched !== null) return this.#show(watched, "live");
    const kept = await this.#loadKept(scope);
    if (kept !== null) return this.#show(kept, "cache");
    const late = await reading;
    if (late !== null) return this.#show(late, "database");
    throw new NoSnapshot("the database does not answer, and no snapshot of this scope was kept");
  }

  /**
   * The frames of `scope`: the newest at once, then each newer one as soon as it can be sent.
   * @param floor what the subscriber has seen; nothing below it is yielded.
   */
  async *watch(
    scope: string,
    floor: Position | null,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<LiveFrame> {
    if (this.#stopped) return;
    const subscriber = new Subscriber(floor, this.options.onSkippedFrame);
    const end = () => subscriber.end();
    signal?.addEventListener("abort", end, { once: true });
    if (signal?.aborted) end();
    const feed = this.#feedOf(scope);
    feed.add(subscriber);
    try {
      for (let next = await subscriber.next(); next !== null; next = await subscriber.next()) {
        const { frame, source } = next;
        this.#observeFreshness(frame);
        yield { id: eventIdOf(frame.figures), snapshot: this.#show(frame, source) };
      }
    } finally {
      signal?.removeEventListener("abort", end);
      feed.subscribers.delete(subscriber);
      if (feed.subscribers.size === 0) this.#feeds.delete(scope);
    }
  }

  #feedOf(scope: string): ScopeFeed {
    let feed = this.#feeds.get(scope);
    if (feed === undefined) {
      feed = new ScopeFeed({
        scope,
        load: (scope, writtenAt) => this.#load(scope, writtenAt),
        loadKept: (scope) => this.#loadKept(scope),
        onLoaded: (figures) => this.#planTurn(figures),
      });
      this.#feeds.set(scope, feed);
    }
    return feed;
  }

  async #load(scope: string, writtenAt: string | null): Promise<Frame> {
    const figures = await this.options.readFigures(scope);
    this.#answered();
    this.options.cache.write(figures);
    return { figures, receivedAt: this.options.now(), writtenAt };
  }

  /** The kept snapshot, unless this instance knows that the figures have begun anew since. */
  async #loadKept(scope: string): Promise<Frame | null> {
    const figures = await this.options.cache.read(scope);
    if (figures === null || figures.epoch < this.#newest.epoch) return null;
    return { figures, receivedAt: this.options.now(), writtenAt: null };
  }

  /** By the database's clock, carried on by this instance's monotonic one. */
  #observeFreshness({ figures, receivedAt, writtenAt }: Frame): void {
    if (writtenAt === null) return;
    const databaseNow = Date.parse(figures.readAt) + this.options.now() - receivedAt;
    this.options.onFrame(Math.max(0, databaseNow - Date.parse(writtenAt)));
  }

  #show(frame: Frame, source: Snapshot["source"]): Snapshot {
    return snapshotOf(frame, { source, stale: this.#stale, now: this.options.now() });
  }

  /** The database has answered just now. */
  #answered(): void {
    clearTimeout(this.#staleTimer);
    if (this.#stopped) return;
    this.#staleTimer = setTimeout(() => this.#setStale(true), STALE_AFTER_MS);
    this.#setStale(false);
  }

  #setStale(stale: boolean): void {
    if (this.#stale === stale) return;
    this.#stale = stale;
    for (const feed of this.#feeds.values()) {
      feed.showAgain();
      if (!stale) feed.reload();
    }
  }

  /** Finds what every notice of it was lost of, and whether the database answers at all. */
  async #check(): Promise<void> {
    try {
      const newest = await this.options.readNewest();
      this.#answered();
      if (this.#newest.epoch === 0) this.#newest = newest; // the first look is what later ones go by
      if (comparePositions(newest, this.#newest) > 0) {
        const { epoch, version } = newest;
        this.notice({ format: 1, epoch, version, scopes: "all", writtenAt: null });
      }
      for (const feed of this.#feeds.values()) {
        if (feed.failed) feed.reload();
      }
    } catch {
      // Silence is what the stale timer counts; the next check asks again.
    }
  }

  /** Reads every watched scope again when the database's minute turns. */
  #planTurn({ readAt, minute }: Figures): void {
    if (this.#stopped) return;
    clearTimeout(this.#turnTimer);
    const untilTurn = Date.parse(minute) + MINUTE_MS - Date.parse(readAt);
    this.#turnTimer = setTimeout(() => {
      for (const feed of this.#feeds.values()) feed.reload();
    }, untilTurn + TURN_GRACE_MS);
  }
}
