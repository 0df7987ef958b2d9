/**
 * The database's health as one instance sees it: what time it is there, whether the database
 * answers, and whether figures may still be shown.
 *
 * A regular check asks for the newest fold. It finds folds whose notices never arrived, and it
 * notices when the database stops answering. After 5 s without any answer, figures are stale.
 */
import type { Figures } from "../../sql/figures/snapshots.ts";
import { DatabaseClock } from "./database_clock.ts";
import type { Position } from "./snapshot.ts";

export interface DatabaseHealthOptions {
  /** Reads the newest fold and the database's clock. */
  readonly readNewest: () => Promise<Position & { readonly now: Date }>;
  /** Monotonic, milliseconds. */
  readonly now: () => number;
}

/** Gets the news of the database's health. */
export interface HealthListener {
  /** The regular check was answered; `newest` is the database's newest fold. */
  databaseAnswered(newest: Position): void;
  /** The regular check failed. */
  databaseFailed(): void;
  /** The database has been silent for 5 s, or it answers again. */
  staleChanged(isStale: boolean): void;
}

export interface DatabaseHealth {
  /** Unix milliseconds by the database's clock; null until the database has answered. */
  now(): number | null;
  /** False when `minute` is over by the database's clock. */
  isNow(minute: string): boolean;
  /** True after 5 s without an answer. */
  readonly isStale: boolean;
  /** True when the latest call failed, or when figures are stale. */
  readonly isAway: boolean;
  /**
   * False when the minute of these figures is over: their windows are not those of now. Stale
   * figures may be shown, because they are marked as stale.
   */
  mayShow(figures: Figures): boolean;
  /**
   * Reports an answer of the database.
   * @param ms the database's time in that answer, Unix milliseconds.
   * @param askedAt when it was asked, by the monotonic clock.
   */
  answered(ms: number, askedAt: number): void;
  /** Reports a call that failed. */
  failed(): void;
  /** Ends the check and all news. Legal twice. */
  stop(): void;
}

/** If both notices of a fold are lost, the next check shows the fold within 3 s. */
const CHECK_EVERY_MS = 2_400;
/** Longer than two checks, so that a single failed check does not mark anything stale. */
const STALE_AFTER_MS = 5_000;

/** Starts the regular check, with one at once. */
export function startDatabaseHealth(
  options: DatabaseHealthOptions,
  listener: HealthListener,
): DatabaseHealth {
  return new CheckedHealth(options, listener);
}

class CheckedHealth implements DatabaseHealth {
  readonly #clock: DatabaseClock;
  /** A new check begins even while one hangs, since the new one may be answered. */
  readonly #checkTimer: ReturnType<typeof setInterval>;
  #staleTimer: ReturnType<typeof setTimeout> | undefined;
  /** True when the latest call failed. */
  #failing = false;
  #stale = false;
  #stopped = false;

  constructor(readonly options: DatabaseHealthOptions, readonly listener: HealthListener) {
    this.#clock = new DatabaseClock(options.now);
    this.#restartStaleTimer();
    void this.#check();
    this.#checkTimer = setInterval(() => void this.#check(), CHECK_EVERY_MS);
  }

  get isStale(): boolean {
    return this.#stale;
  }

  get isAway(): boolean {
    return this.#failing || this.#stale;
  }

  now(): number | null {
    return this.#clock.now();
  }

  isNow(minute: string): boolean {
    return this.#clock.isNow(minute);
  }

  mayShow({ minute }: Figures): boolean {
    return this.#stale || this.#clock.isNow(minute);
  }

  answered(ms: number, askedAt: number): void {
    this.#clock.set(ms, askedAt);
    this.#failing = false;
    if (this.#stopped) return;
    this.#restartStaleTimer();
    this.#setStale(false);
  }

  failed(): void {
    this.#failing = true;
  }

  stop(): void {
    this.#stopped = true;
    clearInterval(this.#checkTimer);
    clearTimeout(this.#staleTimer);
  }

  async #check(): Promise<void> {
    const askedAt = this.options.now();
    try {
      const { epoch, version, now } = await this.options.readNewest();
      if (this.#stopped) return;
      this.answered(now.getTime(), askedAt);
      this.listener.databaseAnswered({ epoch, version });
    } catch {
      // One failure is not an outage. The next check asks again, and the stale timer counts on.
      this.failed();
      if (!this.#stopped) this.listener.databaseFailed();
    }
  }

  #restartStaleTimer(): void {
    clearTimeout(this.#staleTimer);
    this.#staleTimer = setTimeout(() => this.#setStale(true), STALE_AFTER_MS);
  }

  #setStale(isStale: boolean): void {
    if (this.#stale === isStale) return;
    this.#stale = isStale;
    this.listener.staleChanged(isStale);
  }
}
