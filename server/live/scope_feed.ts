/**
 * One watched scope: its newest frame, and everyone who watches it.
 *
 * However many watch and however many notices come, at most one read of the database is under way
 * and at most one follows it, and none at all for what the newest frame shows already.
 */
import type { Figures } from "../../sql/figures/snapshots.ts";
import { compareFigures, comparePositions, foldOf, type Frame, type Position } from "./snapshot.ts";
import type { SnapshotSource } from "../../client/contract/snapshot.ts";
import type { Subscriber } from "./subscriber.ts";

export interface ScopeFeedOptions {
  readonly scope: string;
  /** Reads the database. */
  readonly load: (scope: string) => Promise<Frame>;
  /** The last snapshot that anyone kept, for when the database does not answer; null: none. */
  readonly loadKept: (scope: string) => Promise<Frame | null>;
  /** False when the windows of these figures are over and the database may still tell new ones. */
  readonly mayShow: (figures: Figures) => boolean;
  readonly onLoaded: (figures: Figures) => void;
}

/** What a frame has to show. */
export interface Wanted {
  /** The fold that it is of, or a later one; null: whichever. */
  readonly fold: Position | null;
  /** The minute that its windows end with, or a later one; null: whichever. */
  readonly minute: string | null;
  /** True: what the database says from now on, shown also when it is what was shown before. */
  readonly anew: boolean;
  /** When the oldest change in it was written, by the database; null: unknown. */
  readonly writtenAt: string | null;
}

const ANEW: Wanted = { fold: null, minute: null, anew: true, writtenAt: null };

/** How long a first frame waits for the database before the kept one is looked for. */
const READ_TIMEOUT_MS = 500;

export class ScopeFeed {
  readonly subscribers = new Set<Subscriber>();
  #newest: Frame | null = null;
  #source: SnapshotSource = "live";
  #loading: Promise<void> | null = null;
  /** What no read that has begun is for. */
  #wanted: Wanted | null = null;
  /** What the latest read was for, when it failed. */
  #failed: Wanted | null = null;

  constructor(readonly options: ScopeFeedOptions) {}

  get newest(): Frame | null {
    return this.#newest;
  }

  /**
   * Adds a subscriber. Its first frame comes from memory; where there is none to be shown, from the
   * read under way or one that begins now.
   */
  add(subscriber: Subscriber): void {
    this.subscribers.add(subscriber);
    if (this.#newest !== null && this.options.mayShow(this.#newest.figures)) {
      subscriber.offer({ frame: this.#newest, source: this.#source });
      return;
    }
    if (this.#loading === null) this.reload();
    const timer = setTimeout(() => this.#useKept(), READ_TIMEOUT_MS);
    this.#loading?.finally(() => clearTimeout(timer));
  }

  /** Reads the database, now or after the read that is under way, unless that shows it as well. */
  reload(wanted: Partial<Wanted> = ANEW): void {
    const all = { ...ANEW, anew: false, ...wanted };
    if (this.#newest !== null && shows(this.#newest.figures, all)) return;
    this.#wanted = both(this.#wanted, all);
    this.#loading ??= this.#loadWanted();
  }

  /** Tries once more what the latest read was for, if that failed. */
  retry(): void {
    if (this.#failed !== null && this.#loading === null) this.reload(this.#failed);
  }

  /** While the database is away and there is nothing to show: Redis may have answered meanwhile. */
  lookForKept(): void {
    if (this.#newest === null) void this.#useKept();
  }

  /** Shows the newest frame again, because it has become stale. */
  showAgain(): void {
    this.#offer(true);
  }

  /** Resolves when no read is under way. */
  async settled(): Promise<void> {
    while (this.#loading !== null) await this.#loading;
  }

  async #loadWanted(): Promise<void> {
    while (this.#wanted !== null) {
      const wanted = both(this.#failed, this.#wanted);
      this.#wanted = null;
      try {
        const figures = await this.#load(wanted);
        // A standby, or what was the primary, may lag behind what was told of: the check asks again.
        const lags = wanted.fold !== null && comparePositions(foldOf(figures), wanted.fold) < 0;
        this.#failed = lags ? wanted : null;
      } catch {
        this.#failed = wanted; // the hub asks again when its check finds that the database answers
        await this.#doWithout();
      }
    }
    this.#loading = null; // in the same turn as the last look at what is wanted
  }

  async #load(wanted: Wanted): Promise<Figures> {
    const frame = await this.options.load(this.options.scope);
    let { writtenAt } = wanted;
    if (this.#wanted !== null && shows(frame.figures, this.#wanted)) {
      writtenAt = older(writtenAt, this.#wanted.writtenAt);
      this.#wanted = null;
    }
    this.#accept({ ...frame, writtenAt }, "live", wanted.anew);
    this.options.onLoaded(frame.figures);
    return frame.figures;
  }

  /** The database has failed: what was kept is shown, or else the newest, be its minute over. */
  async #doWithout(): Promise<void> {
    await this.#useKept();
    if (this.#newest !== null) this.#offer();
  }

  async #useKept(): Promise<void> {
    if (this.#newest !== null && this.options.mayShow(this.#newest.figures)) return;
    const frame = await this.options.loadKept(this.options.scope);
    if (frame === null) return;
    const isNewer = this.#newest === null ||
      compareFigures(frame.figures, this.#newest.figures) > 0;
    if (isNewer) this.#accept(frame, "cache", false);
  }

  #accept(frame: Frame, source: SnapshotSource, again: boolean): void {
    const before = this.#newest;
    if (before !== null && compareFigures(frame.figures, before.figures) < 0) {
      if (again) this.#offer(true); // what is older is not believed, but the database is back
      return;
    }
    this.#newest = frame;
    this.#source = source;
    if (!this.options.mayShow(frame.figures)) { // its minute ended on its way
      if (source === "live") this.reload({ anew: true, writtenAt: frame.writtenAt });
      return;
    }
    // What the database has just told this call is shown as such; later frames are from memory.
    this.#offer(again, before === null && source === "live" ? "database" : source);
    // Who comes later has not waited since then.
    if (frame.writtenAt !== null) this.#newest = { ...frame, writtenAt: null };
  }

  #offer(again = false, source = this.#source): void {
    if (this.#newest === null) return;
    for (const subscriber of this.subscribers) {
      subscriber.offer({ frame: this.#newest, source }, again);
    }
  }
}

function shows(figures: Figures, { fold, minute, anew }: Wanted): boolean {
  return !anew && (fold === null || comparePositions(foldOf(figures), fold) >= 0) &&
    (minute === null || figures.minute >= minute);
}

/** What a frame has to show that is for both. */
function both(one: Wanted | null, other: Wanted): Wanted {
  if (one === null) return other;
  const isFurther = other.fold !== null &&
    (one.fold === null || comparePositions(other.fold, one.fold) > 0);
  return {
    fold: isFurther ? other.fold : one.fold,
    minute: one.minute === null || (other.minute !== null && other.minute > one.minute)
      ? other.minute
      : one.minute,
    anew: one.anew || other.anew,
    writtenAt: older(one.writtenAt, other.writtenAt),
  };
}

function older(one: string | null, other: string | null): string | null {
  if (one === null || other === null) return one ?? other;
  return other < one ? other : one;
}
