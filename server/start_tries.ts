/**
 * The tries of a start: when a failure is told, and when it ends the start.
 *
 * Each cause is told at once. While it lasts it is told again at growing distances, at last once a
 * minute, with the number of tries and the setting to look at.
 */
import { codeOf } from "../sql/connection/failure.ts";
import { endsAfterTries, knownFailure } from "./start_failure.ts";
import { describe } from "./telemetry/log.ts";

const FIRST_DISTANCE_MS = 2_000;
const LAST_DISTANCE_MS = 60_000;

interface Cause {
  tries: number;
  tellAt: number;
  distanceMs: number;
}

/** The cause of a failed try: its meaning and the error. */
export function causeOf(error: unknown): string {
  return `${knownFailure(error)?.meaning ?? "the database is away"}: ${describe(error)}`;
}

export class StartTries {
  readonly #causes = new Map<string, Cause>();
  #tries = 0;
  readonly #begunAt: number;

  /** @param now a clock in milliseconds that only goes forward */
  constructor(readonly now: () => number) {
    this.#begunAt = now();
  }

  /** Counts a failed try. */
  failed(error: unknown): void {
    this.#tries++;
    this.#causeOf(error).tries++;
  }

  /** True when the start has failed often enough in this way. */
  ends(error: unknown): boolean {
    return this.#causeOf(error).tries >= endsAfterTries(error);
  }

  /** The line about a failure that does not end the start; null when it was told not long ago. */
  line(error: unknown): string | null {
    const cause = this.#causeOf(error);
    const now = this.now();
    if (now < cause.tellAt) return null;
    cause.tellAt = now + cause.distanceMs;
    cause.distanceMs = Math.min(2 * cause.distanceMs, LAST_DISTANCE_MS);
    const known = knownFailure(error);
    if (cause.tries === 1) return causeOf(error);
    const count = `${this.#tries} tries in ${this.#seconds()} s`;
    return `${causeOf(error)} (${count})${known === null ? "" : `: ${known.advice}`}`;
  }

  /** The line about the try that succeeded; null when it was the first. */
  success(): string | null {
    if (this.#tries === 0) return null;
    return `the database can be used, after ${this.#tries} failed tries in ${this.#seconds()} s`;
  }

  #seconds(): number {
    return Math.round((this.now() - this.#begunAt) / 1_000);
  }

  #causeOf(error: unknown): Cause {
    const known = knownFailure(error);
    const key = known === null ? codeOf(error) ?? String(error) : known.meaning + known.advice;
    const found = this.#causes.get(key);
    if (found !== undefined) return found;
    const cause = { tries: 0, tellAt: -Infinity, distanceMs: FIRST_DISTANCE_MS };
    this.#causes.set(key, cause);
    return cause;
  }
}
