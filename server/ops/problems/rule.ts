/**
 * The rule of one problem: how it is found, and the words for it.
 *
 * Tested in tests/server/ops/problems/list_test.ts.
 */
import type { ProblemName } from "../../../client/contract/ops_status.ts";
import type { Signs } from "./signs.ts";

/** A problem as one look finds it. */
export interface Finding {
  /** The cause in words. Without durations, so that it changes only when the cause does. */
  readonly detail: string;
  readonly counts?: Readonly<Record<string, number>>;
}

/** The moment of a look. */
export interface Moment {
  /** Monotonic, milliseconds. */
  readonly now: number;
  /** The time by which this look came too late. */
  readonly lateMs: number;
}

export interface ProblemRule {
  readonly name: ProblemName;
  /** Null: the problem is not there. Must be cheap. */
  readonly look: (signs: Signs, moment: Moment) => Finding | null;
  /** The line of its begin. The detail follows. */
  readonly words: string;
  /** The line of its end. */
  readonly over: string;
  /** An error needs a person at once. Default: a warning. */
  readonly level?: "warn" | "error";
  /** It begins when each look of this time has found it. Default: at the first look. */
  readonly beginAfterMs?: number;
  /** It ends when no look of this time has found it. Default: `END_AFTER_MS`. */
  readonly endAfterMs?: number;
  /**
   * When it is said again while it lasts. `minute`: each minute. `change`: when it has changed, at
   * most once a minute, and else once an hour. `never`: it lasts by choice.
   */
  readonly again?: "minute" | "change" | "never";
  /** False: another part of the program says it. Default: it is said here. */
  readonly isSaid?: boolean;
  /** It does not begin beside one of these, which are its cause. */
  readonly causes?: readonly ProblemName[];
}

/** Long enough for a state that comes and goes within a few checks. */
export const END_AFTER_MS = 5_000;
