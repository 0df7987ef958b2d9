/**
 * The situation of the figures on the screen: how far they can be trusted now. Only the gravest
 * situation is shown.
 *
 * Pure, so that the situations and their order can be tested without a page.
 */
import type { Connection, Shown } from "./dashboard.ts";
import { formatAge, formatTime } from "./format.ts";
import type { Tone } from "./health.ts";
import type { Problem } from "./problem.ts";

export interface Situation {
  readonly kind: "connecting" | "reconnecting" | "problem" | "waiting" | "stale" | "live";
  readonly tone: Tone;
  /** For the eye. A duration in it goes on by itself. */
  readonly sentence: string;
  /** For a screen reader, once when the situation begins. It holds no duration. */
  readonly announcement: string;
}

export interface SituationInput {
  readonly connection: Connection;
  readonly shown: Shown | null;
  readonly isCurrent: boolean;
  readonly problem: Problem | null;
  /** `Date.now()`. */
  readonly now: number;
}

/** The situation now. */
export function situationOf(input: SituationInput): Situation {
  const { connection, shown, isCurrent, problem } = input;
  if (connection === "reconnecting") {
    const sentence = "The connection to the server is lost; reconnecting…" +
      (shown === null ? "" : " The figures below are the last that came.");
    return { kind: "reconnecting", tone: "bad", sentence, announcement: sentence };
  }
  if (problem !== null) {
    const sentence = problem.retryAfterMs === null
      ? problem.sentence
      : `${problem.sentence} Trying again…`;
    const tone = problem.retryAfterMs === null ? "bad" : "watch";
    return { kind: "problem", tone, sentence, announcement: sentence };
  }
  if (connection === "connecting") {
    const sentence = "Connecting to the server…";
    return { kind: "connecting", tone: "quiet", sentence, announcement: sentence };
  }
  if (shown === null || !isCurrent) {
    const sentence = shown === null
      ? "Connected; the first figures are on their way."
      : "Connected again; newer figures are on their way.";
    return { kind: "waiting", tone: "quiet", sentence, announcement: sentence };
  }
  if (shown.silence !== null) return staleSituation(shown, shown.silence, input.now);
  return {
    kind: "live",
    tone: "good",
    sentence: "Live: orders show here as they are committed.",
    announcement: "The figures are live.",
  };
}

function staleSituation(
  { snapshot }: Shown,
  { since, isExact }: NonNullable<Shown["silence"]>,
  now: number,
): Situation {
  const asOf = `figures as of ${formatTime(snapshot.asOf)}`;
  const time = `${isExact ? "" : "more than "}${formatAge(now - since)}`;
  return {
    kind: "stale",
    tone: "watch",
    sentence: `The database has not answered for ${time} – ${asOf}.`,
    announcement: `The database does not answer; ${asOf}.`,
  };
}
