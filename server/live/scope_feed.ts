/**
 * One watched scope: its newest frame, and everyone who watches it.
 *
 * However many watch and however many notices come, at most one read of the database is under way
 * and at most one follows it.
 */
import type { Figures } from "../../sql/snapshots.ts";
import { compareFigures, comparePositions, type Frame, type Position } from "./snapshot.ts";
import type { SnapshotSource } from "./snapshot.ts";
import type { Subscriber } from "./subscriber.ts";

export interface ScopeFeedOptions {
  readonly scope: string;
  /** Reads the database. */
  readonly load: (scope: string, writtenAt: string | null) => Promise<Frame>;
  /** The last snapshot that anyone kept, for when the database does not answer; null: none. */
  readonly loadKept: (scope: string) => Promise<Frame | null>;
  readonly onLoaded: (figures: Figures) => void;
}

/** How long a first frame waits for the database before the kept one is looked for. */
const PATIENCE_MS = 500;

export class ScopeFeed {
  readonly subscribers = new Set<Subscriber>();
  #newest: Frame | null = null;
  #source: SnapshotSource = "live";
  #loading: Promise<void> | null = null;
  #again = false;
  #failed = false;
  /** When the oldest change that no read has served was written. */
  #writtenAt: string | null = null;

  constructor(readonly options: ScopeFeedOptions) {}

  get newest(): Frame | null {
    return this.#newest;
  }

  /** True when the latest read failed, so that what was asked for is still to be read. */
  get failed(): boolean {
    return this.#failed;
  }

  /** Adds a subscriber; its first frame comes from memory, or else from a read that begins now. */
  add(subscriber: Subscriber): void {
    this.subscribers.add(subscriber);
    if (this.#newest !== null) {
      subscriber.offer({ frame: this.#newest, source: this.#source });
      return;
    }
    this.reload();
    const timer = setTimeout(() => this.#useKept(), PATIENCE_MS);
    this.#loading?.finally(() => clearTimeout(timer));
  }

  /** True when this feed has what a notice of `position` speaks of. */
  has(position: Position): boolean {
    return this.#newest !== null && comparePositions(this.#newest.figures, position) >= 0;
  }

  /**
   * Reads the database, now or once more after the read that is under way.
   * @param writtenAt when the oldest change that is to be shown was written, where that is known.
   */
  reload(writtenAt: string | null = null): void {
    if (this.#writtenAt === null || (writtenAt !== null && writtenAt < this.#writtenAt)) {
      this.#writtenAt = writtenAt;
    }
    if (this.#loading !== null) {
      this.#again = true;
      return;
    }
    this.#loading = this.#load().finally(() => {
      this.#loading = null;
      if (this.#again) {
        this.#again = false;
        this.reload();
      }
    });
  }

  /** Shows the newest frame again, because its age or its staleness has changed. */
  showAgain(): void {
    if (this.#newest === null) return;
    for (const subscriber of this.subscribers) {
      subscriber.offer({ frame: this.#newest, source: this.#source }, true);
    }
  }

  /** Resolves when no read is under way. */
  async settled(): Promise<void> {
    while (this.#loading !== null) await this.#loading;
  }

  async #load(): Promise<void> {
    const writtenAt = this.#writtenAt;
    this.#writtenAt = null;
    try {
      const frame = await this.options.load(this.options.scope, writtenAt);
      this.#failed = false;
      this.#accept(frame, "live");
      this.options.onLoaded(frame.figures);
    } catch {
      this.#failed = true; // the hub asks again when its check finds that the database answers
      if (this.#newest === null) await this.#useKept();
    }
  }

  async #useKept(): Promise<void> {
    const frame = await this.options.loadKept(this.options.scope);
    if (frame !== null && this.#newest === null) this.#accept(frame, "cache");
  }

  #accept(frame: Frame, source: SnapshotSource): void {
    const order = this.#newest === null ? 1 : compareFigures(frame.figures, this.#newest.figures);
    if (order < 0) return;
    const isFirst = this.#newest === null;
    this.#newest = frame;
    this.#source = source;
    // What the database has just told this call is shown as such; later frames are from memory.
    const shown = isFirst && source === "live" ? "database" : source;
    for (const subscriber of this.subscribers) subscriber.offer({ frame, source: shown });
  }
}
