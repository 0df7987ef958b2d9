/**
 * The live hub: keeps the scopes that someone watches up with the folds, and fans their frames out.
 *
 * It reads a scope again when a notice names it, when the minute turns (the windows move without an
 * order), and when the regular check of the database finds a version that no notice spoke of. When
 * the database falls silent it shows what it has, marked as stale.
 *
 * Nothing is shown whose minute is over while the database answers: its windows are not those of
 * now. What time it is says the database alone.
 */
import type { Figures } from "../../sql/figures/snapshots.ts";
import type { Notice } from "../../sql/figures/notices.ts";
import { MINUTE_MS, minuteOf } from "../../sql/time.ts";
import { settlesWithin } from "../../sql/waiting.ts";
import { DatabaseClock } from "./database_clock.ts";
import { KnownFolds } from "./known_folds.ts";
import { ScopeFeed } from "./scope_feed.ts";
import { SharedReads } from "./shared_reads.ts";
import type { SnapshotCache } from "./snapshot_cache.ts";
import {
  compareFigures,
  comparePositions,
  eventIdOf,
  type Frame,
  type Position,
  snapshotOf,
} from "./snapshot.ts";
import { Subscriber } from "./subscriber.ts";
import type { Snapshot } from "../../client/contract/snapshot.ts";

export interface LiveHubOptions {
  readonly readFigures: (scope: string) => Promise<Figures>;
  /** The newest fold, and the database's clock. */
  readonly readNewest: () => Promise<Position & { readonly now: Date }>;
  /** The snapshots kept outside, for first frames and outages. */
  readonly cache: SnapshotCache;
  /** Monotonic, milliseconds. */
  readonly now: () => number;
  readonly onSkippedFrame: () => void;
  /** A frame is being sent, this long after the oldest change in it was written. */
  readonly onFrame: (freshnessMs: number) => void;
}

export interface LiveFrame {
  /** `<epoch>:<version>`. */
  readonly id: string;
  readonly snapshot: Snapshot;
}

/** No snapshot could be had: the database does not answer and nothing was kept. */
export class NoSnapshot extends Error {}

/** What every notice was lost of is shown within 3 s; and one lost check makes nothing stale. */
const CHECK_EVERY_MS = 2_400;
const STALE_AFTER_MS = 5_000;
/** What a read may take before something older has to do. */
const READ_TIMEOUT_MS = 500;
/** A minute's turn is looked for this long after it, so that the database's clock has passed it. */
const TURN_GRACE_MS = 20;

/** Starts a live hub. */
export function startLiveHub(options: LiveHubOptions): LiveHub {
  const hub = new LiveHub(options);
  hub.start();
  return hub;
}

export class LiveHub {
  readonly #feeds = new Map<string, ScopeFeed>();
  readonly #folds = new KnownFolds();
  readonly #queries = new SharedReads((scope) => this.#load(scope));
  readonly #clock: DatabaseClock;
  /** The newest minute of which figures came. */
  #minute = "";
  /** The latest call to the database failed. */
  #failing = false;
  #stale = false;
  #checkTimer: ReturnType<typeof setTimeout> | undefined;
  #staleTimer: ReturnType<typeof setTimeout> | undefined;
  #turnTimer: ReturnType<typeof setTimeout> | undefined;
  #stopped = false;

  constructor(readonly options: LiveHubOptions) {
    this.#clock = new DatabaseClock(options.now);
  }

  /** Starts the regular check. */
  start(): void {
    this.#awaitSilence();
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
    const { epoch, version, writtenAt } = notice;
    const scopes = this.#folds.hear(notice);
    for (const scope of scopes === "all" ? [...this.#feeds.keys()] : scopes) {
      this.#feeds.get(scope)?.reload({ fold: { epoch, version }, writtenAt });
    }
  }

  /**
   * The snapshot of `scope` now, read after this call began while the database answers.
   * @throws NoSnapshot
   */
  async snapshot(scope: string): Promise<Snapshot> {
    const reading = this.#queries.next(scope).catch(() => null);
    const read = await settlesWithin(READ_TIMEOUT_MS, reading) ? await reading : null;
    if (read !== null) return this.#show(read, "database");
    const watched = this.#feeds.get(scope)?.newest ?? null;
    if (watched !== null && this.#mayShow(watched.figures)) return this.#show(watched, "live");
    const kept = await this.#loadKept(scope);
    if (kept !== null && (watched === null || compareFigures(kept.figures, watched.figures) > 0)) {
      return this.#show(kept, "cache");
    }
    const late = await reading;
    if (late !== null) return this.#show(late, "database");
    // It has failed this very call: the last snapshot has to do, be its minute over.
    if (watched !== null) return this.#show(watched, "live");
    const last = await this.#loadKept(scope);
    if (last !== null) return this.#show(last, "cache");
    throw new NoSnapshot("the database does not answer, and no snapshot of this scope was kept");
  }

  /**
   * The frames of `scope`: the newest at once, then each newer one as soon as it can be sent.
   * @param floor what the subscriber has seen; nothing below it is yielded.
   * @param turn resolves when the next frame can be sent; it is chosen only then.
   */
  async *watch(
    scope: string,
    floor: Position | null,
    signal: AbortSignal | undefined,
    turn?: () => Promise<void>,
  ): AsyncGenerator<LiveFrame> {
    if (this.#stopped) return;
    const subscriber = new Subscriber(floor, this.options.onSkippedFrame, turn);
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
        load: (scope) => this.#load(scope),
        loadKept: (scope) => this.#loadKept(scope),
        mayShow: (figures) => this.#mayShow(figures),
        onLoaded: (figures) => this.#loaded(figures),
      });
      this.#feeds.set(scope, feed);
    }
    return feed;
  }

  async #load(scope: string): Promise<Frame> {
    const askedAt = this.options.now();
    try {
      const figures = await this.options.readFigures(scope);
      this.#folds.noteRead(figures);
      this.#answered(Date.parse(figures.readAt), askedAt);
      this.options.cache.write(figures);
      return { figures, askedAt, writtenAt: null };
    } catch (error) {
      this.#failing = true;
      throw error;
    }
  }

  /**
   * The kept snapshot, unless more is known here than it has. Where nothing at all is known, that is
   * so because the database was not heard yet: then it may be shown only when the database is away.
   */
  async #loadKept(scope: string): Promise<Frame | null> {
    const kept = await this.options.cache.read(scope);
    if (kept === null || !this.#clock.isNow(kept.figures.minute)) return null;
    const isAllowed = this.#folds.areKnown
      ? this.#folds.allow(kept.figures)
      : this.#failing || this.#stale;
    if (!isAllowed) return null;
    return {
      figures: kept.figures,
      askedAt: this.options.now() - kept.readAgoMs,
      writtenAt: null,
    };
  }

  /** False when the minute of these figures is over; stale ones are said to be, and shown. */
  #mayShow({ minute }: Figures): boolean {
    return this.#stale || this.#clock.isNow(minute);
  }

  /** By the database's clock, carried on by this instance's monotonic one. */
  #observeFreshness({ figures, askedAt, writtenAt }: Frame): void {
    if (writtenAt === null) return;
    const databaseNow = Date.parse(figures.readAt) + this.options.now() - askedAt;
    this.options.onFrame(Math.max(0, databaseNow - Date.parse(writtenAt)));
  }

  #show(frame: Frame, source: Snapshot["source"]): Snapshot {
    return snapshotOf(frame, { source, stale: this.#stale, now: this.options.now() });
  }

  /** The database has answered just now, and said what time it was. */
  #answered(ms: number, askedAt: number): void {
    this.#clock.set(ms, askedAt);
    this.#failing = false;
    this.#awaitSilence();
  }

  #awaitSilence(): void {
    clearTimeout(this.#staleTimer);
    if (this.#stopped) return;
    this.#staleTimer = setTimeout(() => this.#setStale(true), STALE_AFTER_MS);
    this.#setStale(false);
  }

  #setStale(stale: boolean): void {
    if (this.#stale === stale) return;
    this.#stale = stale;
    for (const feed of this.#feeds.values()) {
      if (stale) feed.showAgain();
      else feed.reload();
    }
  }

  /** Finds what every notice of it was lost of, and whether the database answers at all. */
  async #check(): Promise<void> {
    const askedAt = this.options.now();
    try {
      const { epoch, version, now } = await this.options.readNewest();
      this.#answered(now.getTime(), askedAt);
      if (comparePositions({ epoch, version }, this.#folds.newest) > 0) {
        this.notice({ format: 1, epoch, version, scopes: "all", writtenAt: null });
      }
      for (const feed of this.#feeds.values()) feed.retry();
      this.#turn();
    } catch {
      this.#failing = true; // for how long is what the stale timer counts; the next check asks again
      for (const feed of this.#feeds.values()) feed.lookForKept();
    }
  }

  /** The database has told a scope's figures. */
  #loaded({ readAt, minute }: Figures): void {
    if (this.#stopped) return;
    if (minute > this.#minute) {
      this.#minute = minute;
      this.#turn(); // of all the others: the timer below is set anew
    }
    clearTimeout(this.#turnTimer);
    const untilTurn = Date.parse(minute) + MINUTE_MS - Date.parse(readAt);
    this.#turnTimer = setTimeout(() => this.#turn(), untilTurn + TURN_GRACE_MS);
  }

  /** Reads every watched scope again whose minute is over by the database's clock. */
  #turn(): void {
    const now = this.#clock.now();
    if (now === null || this.#stopped) return;
    for (const feed of this.#feeds.values()) feed.reload({ minute: minuteOf(now) });
  }
}
