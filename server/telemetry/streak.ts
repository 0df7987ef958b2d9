/**
 * Streaks: for each work that an instance repeats, how often in a row it has failed, since when and
 * with what. The work reports its outcomes here; the list of problems reads them.
 *
 * Tested in tests/server/ops/problems/list_test.ts.
 */
import { describe } from "./log.ts";

export class Streak {
  /** The failures since the latest success. */
  failures = 0;
  /** The time of the first of them; null: there is none. */
  firstAt: number | null = null;
  /** The time of the failure before the latest one; null: there is none. */
  beforeLastAt: number | null = null;
  /** The time of the latest failure; null: there is none. */
  lastAt: number | null = null;
  /** The time of the latest success; null: there was none. */
  succeededAt: number | null = null;
  /** The latest failure in words; empty: there was none. */
  reason = "";
  /** The error of the latest failure. */
  error: unknown = null;

  /** @param now monotonic, milliseconds. */
  constructor(readonly now: () => number) {}

  /** @param reason the failure in words. */
  failed(error: unknown, reason = describe(error)): void {
    const at = this.now();
    this.failures++;
    this.firstAt ??= at;
    this.beforeLastAt = this.lastAt;
    this.lastAt = at;
    this.error = error;
    this.reason = reason;
  }

  succeeded(): void {
    this.succeededAt = this.now();
    this.failures = 0;
    this.firstAt = null;
    this.beforeLastAt = null;
    this.lastAt = null;
  }

  /** Reports the outcome of `work`, and passes it on. */
  async of<T>(work: Promise<T>): Promise<T> {
    try {
      const answer = await work;
      this.succeeded();
      return answer;
    } catch (error) {
      this.failed(error);
      throw error;
    }
  }
}

/** All streaks of one instance. */
export type Streaks = ReturnType<typeof createStreaks>;

/** Makes the streaks. @param now monotonic, milliseconds. */
export function createStreaks(now: () => number) {
  return {
    /** Bringing the schema up to date, before the first order. */
    preparation: new Streak(now),
    batches: new Streak(now),
    folds: new Streak(now),
    drains: new Streak(now),
    keyLookups: new Streak(now),
    audits: new Streak(now),
  };
}
