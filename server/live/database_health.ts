/**
 * The database's health as one instance sees it: what time it is there, whether the database
 * answers, and whether figures may still be shown.
 *
 * A regular check asks for the newest fold. It finds folds whose notices never arrived, and it
 * notices when the database stops answering. Figures are stale after 5 s without any answer. They are
 * stale too while no instance ends a fold, which the age of the newest fold tells.
 */
import type { Figures } from "../../sql/figures/snapshots.ts";
import { describe } from "../telemetry/log.ts";
import { DatabaseClock } from "./database_clock.ts";
import type { Position } from "./snapshot.ts";

export interface DatabaseHealthOptions {
  /** Reads the newest fold and the database's clock. */
  readonly readNewest: () => Promise<Position & { readonly now: Date; readonly foldedAt: Date }>;
  /** Figures are old when no fold has ended for this time. */
  readonly oldAfterMs: number;
  /** Monotonic, milliseconds. */
  readonly now: () => number;
}

/** Gets the news of the database's health. */
export interface HealthListener {
  /** The regular check was answered; `newest` is the database's newest fold. */
  databaseAnswered(newest: Position): void;
  /** The regular check failed. */
  databaseFailed(): void;
  /** Figures have become stale, or are no longer stale. */
  staleChanged(isStale: boolean): void;
}

export interface DatabaseHealth {
  /** Unix milliseconds by the database's clock; null until the database has answered. */
  now(): number | null;
  /** False when `minute` is over by the database's clock. */
  isNow(minute: string): boolean;
  /** True after 5 s without an answer. */
  readonly isSilent: boolean;
  /** True while the database is silent, and while its newest fold is old. */
  readonly isStale: boolean;
  /** True when the latest call failed, or when the database is silent. */
  readonly isAway: boolean;
  /** The findings so far, for operators. */
  readonly signs: HealthSigns;
  /**
   * False when the minute of these figures is over: their windows are not those of now. While the
   * database is silent they may be shown, because they are marked as stale.
   */
  mayShow(figures: Figures): boolean;
  /**
   * Reports an answer of the database.
   * @param ms the database's time in that answer, Unix milliseconds.
   * @param askedAt when it was asked, by the monotonic clock.
   * @param foldedAt the time of the newest fold in that answer, Unix milliseconds.
   */
  answered(ms: number, askedAt: number, foldedAt: number): void;
  /** Reports a call that failed. */
  failed(error: unknown): void;
  /** Ends the check and all news. Legal twice. */
  stop(): void;
}

export interface HealthSigns {
  readonly isSilent: boolean;
  /** The latest failure in one line; empty: there was none. */
  readonly reason: string;
  /** Monotonic, milliseconds; null: there was no answer. */
  readonly answeredAt: number | null;
  /** When the latest silence ended, monotonic, milliseconds; null: there was none. */
  readonly backAt: number | null;
  /** The age of the newest fold at the latest answer, milliseconds; null: there was no answer. */
  readonly figuresAgeMs: number | null;
}

/** If both notices of a fold are lost, the next check shows the fold within 3 s. */
const CHECK_EVERY_MS = 2_400;
/** Longer than two checks, so that a single failed check does not mark anything stale. */
const SILENT_AFTER_MS = 5_000;

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
  #silenceTimer: ReturnType<typeof setTimeout> | undefined;
  /** True when the latest call failed. */
  #failing = false;
  #signs: HealthSigns = {
    isSilent: false,
    reason: "",
    answeredAt: null,
    backAt: null,
    figuresAgeMs: null,
  };
  #stale = false;
  #stopped = false;

  constructor(readonly options: DatabaseHealthOptions, readonly listener: HealthListener) {
    this.#clock = new DatabaseClock(options.now);
    this.#restartSilenceTimer();
    void this.#check();
    this.#checkTimer = setInterval(() => void this.#check(), CHECK_EVERY_MS);
  }

  get isStale(): boolean {
    return this.#stale;
  }

  get isSilent(): boolean {
    return this.#signs.isSilent;
  }

  get isAway(): boolean {
    return this.#failing || this.isSilent;
  }

  get signs(): HealthSigns {
    return this.#signs;
  }

  now(): number | null {
    return this.#clock.now();
  }

  isNow(minute: string): boolean {
    return this.#clock.isNow(minute);
  }

  mayShow({ minute }: Figures): boolean {
    return this.isSilent || this.#clock.isNow(minute);
  }

  answered(ms: number, askedAt: number, foldedAt: number): void {
    this.#clock.set(ms, askedAt);
    this.#failing = false;
    const answeredAt = this.options.now();
    const backAt = this.isSilent ? answeredAt : this.#signs.backAt;
    const figuresAgeMs = ms - foldedAt;
    this.#signs = { ...this.#signs, isSilent: false, answeredAt, backAt, figuresAgeMs };
    if (this.#stopped) return;
    this.#restartSilenceTimer();
    this.#setStale(figuresAgeMs > this.options.oldAfterMs);
  }

  failed(error: unknown): void {
    this.#failing = true;
    this.#signs = { ...this.#signs, reason: describe(error) };
  }

  stop(): void {
    this.#stopped = true;
    clearInterval(this.#checkTimer);
    clearTimeout(this.#silenceTimer);
  }

  async #check(): Promise<void> {
    const askedAt = this.options.now();
    try {
      const { epoch, version, now, foldedAt } = await this.options.readNewest();
      if (this.#stopped) return;
      this.answered(now.getTime(), askedAt, foldedAt.getTime());
      this.listener.databaseAnswered({ epoch, version });
    } catch (error) {
      // One failure is not an outage. The next check asks again, and the silence timer counts on.
      this.failed(error);
      if (!this.#stopped) this.listener.databaseFailed();
    }
  }

  #restartSilenceTimer(): void {
    clearTimeout(this.#silenceTimer);
    this.#silenceTimer = setTimeout(() => {
      this.#signs = { ...this.#signs, isSilent: true };
      this.#setStale(true);
    }, SILENT_AFTER_MS);
  }

  #setStale(isStale: boolean): void {
    if (this.#stale === isStale) return;
    this.#stale = isStale;
    this.listener.staleChanged(isStale);
  }
}
