/**
 * Hints: side steps that tell somebody sooner, or tell an operator more. No order, no fold and no
 * drain depends on one, so a hint that fails stops nothing.
 *
 * Every hint of an instance runs through here, and each failure is counted. The problems
 * `upkeep_failing` and `redis_refuses` tell an operator of one that goes on failing. A server that is
 * away fails all its hints, and has a problem of its own. So that is no failing hint.
 * docs/design.md has the table.
 */
import { isConnectionLost } from "../../sql/connection/failure.ts";
import { describe, getLogger } from "./log.ts";

const log = getLogger(["weir"]);

/** Each hint, and what is missing while it fails. */
export const HINTS = {
  "notify": "other instances see a fold by Redis, or at the next check of the database",
  "echo": "nothing proves that LISTEN is heard",
  "subscribe": "folds are heard by LISTEN, or at the next check of the database",
  "publish": "other instances see a fold by NOTIFY, or at the next check of the database",
  "primary check": "nobody sees that notices go to a Redis that is no primary any more",
  "cache write": "no snapshot is kept for an outage of the database",
  "cache read": "no kept snapshot is shown in an outage of the database",
  "database identity": "a restored database is told by the start of its server alone",
  "fold history": "`aggregate --history` lacks these folds",
  "retention of minutes": "rollups of old minutes stay in the database",
  "retention of folds": "the history of folds grows",
  "rate shares": "each instance has a like share of the rate of each key",
  "journal backlog": "a journal that grows is not noticed, and no order is refused for it",
  "letter count": "the number of open dead letters is an old one",
  "overflow age": "the age of the oldest order in the overflow is not known",
  "set aside": "an order that cannot be drained is tried again with the next batch",
  "metrics": "a figure of /metrics is missing or an old one",
} as const;

export type HintName = keyof typeof HINTS;

/** A hint that fails now, although its server answers. */
export interface FailingHint {
  readonly name: HintName;
  /** ISO 8601, by this machine's clock. */
  readonly since: string;
  /** Failures since then. */
  readonly failures: number;
  /** The latest failure in one line. */
  readonly error: string;
  /** The part of the service that is missing meanwhile. */
  readonly missing: string;
}

/**
 * A hint works again when a success comes this long after the latest failure. A hint that fails
 * every other time is one failure, and not a line in the log each time.
 */
const QUIET_MS = 5_000;

/** The hints of one instance. */
export class Hints {
  readonly #failing = new Map<HintName, FailingHint & { readonly latestAt: number }>();
  readonly #failures = new Map<HintName, number>();

  /** @param now monotonic, milliseconds. */
  constructor(readonly now: () => number) {}

  /** The failures of each hint since the start. A server that is away counts too. */
  get failures(): ReadonlyMap<HintName, number> {
    return this.#failures;
  }

  /** The hints that fail now, the longest failing first. */
  get failing(): readonly FailingHint[] {
    return [...this.#failing.values()].map(({ latestAt: _, ...hint }) => hint);
  }

  /** Runs a hint and never rejects. @returns what it resolves with; null when it fails */
  async run<T>(name: HintName, step: () => Promise<T>): Promise<T | null> {
    try {
      const value = await step();
      this.#worked(name);
      return value;
    } catch (error) {
      this.#failed(name, error);
      return null;
    }
  }

  /** Runs a hint at once and never throws. @returns its value; null when it fails */
  runNow<T>(name: HintName, step: () => T): T | null {
    try {
      const value = step();
      this.#worked(name);
      return value;
    } catch (error) {
      this.#failed(name, error);
      return null;
    }
  }

  #worked(name: HintName): void {
    const hint = this.#failing.get(name);
    if (hint === undefined || this.now() - hint.latestAt < QUIET_MS) return;
    this.#failing.delete(name);
    const { since, failures } = hint;
    log.debug(`works again: ${name}`, { hint: name, since, failures });
  }

  #failed(name: HintName, error: unknown): void {
    this.#failures.set(name, (this.#failures.get(name) ?? 0) + 1);
    if (isConnectionLost(error)) return;
    const before = this.#failing.get(name);
    const text = describe(error);
    this.#failing.set(name, {
      name,
      since: before?.since ?? new Date().toISOString(),
      failures: (before?.failures ?? 0) + 1,
      error: text,
      missing: HINTS[name],
      latestAt: this.now(),
    });
    if (before === undefined) {
      log.debug(`fails, and nothing waits for it: ${name}: ${text}`, { hint: name });
    }
  }
}
