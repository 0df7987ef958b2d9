/**
 * The situation of the figures on the screen: how far they can be trusted now. Only the gravest
 * situation is shown.
 *
 * Pure, so that the situations and their order can be tested without a page.
 */
import type { Connection, Shown } from "./dashboard.ts";
import { formatAge, formatMoment } from "./format.ts";
import type { Tone } from "./health.ts";
import type { Problem } from "./problem.ts";

export interface Situation {
  readonly kind:
    | "connecting"
    | "reconnecting"
    | "problem"
    | "waiting"
    | "stale"
    | "silent"
    | "live";
  readonly tone: Tone;
  /** For the eye. A duration in it goes on by itself. */
  readonly sentence: string;
  /** For a screen reader, once when the situation begins. It holds no duration. */
  readonly announcement: string;
}

export interface SituationInput {
  readonly connection: Connection;
  /** The time since which there is no connection; null: there is one. */
  readonly awaySince: number | null;
  readonly shown: Shown | null;
  readonly isCurrent: boolean;
  readonly problem: Problem | null;
  /** `Date.now()`. */
  readonly now: number;
  /** The server's clock less the browser's, milliseconds. */
  readonly clockOffsetMs: number;
}

/** A connection takes this long at the most. After that the page says how long it waits. */
const SLOW_AFTER_MS = 10_000;
/** A frame comes with each minute. Without one for this long, something is silent. */
const SILENT_AFTER_MS = 90_000;

/** The situation now. */
export function situationOf(input: SituationInput): Situation {
  const { connection, shown, isCurrent, problem, now } = input;
  if (connection === "reconnecting") return lostSituation(input);
  if (problem !== null) {
    const sentence = problem.retryAfterMs === null
      ? problem.sentence
      : `${problem.sentence} Trying again…`;
    // A key that lacks a scope is no failure.
    const isFailure = problem.retryAfterMs === null && problem.reason !== "forbidden";
    const tone = isFailure ? "bad" : "watch";
    return { kind: "problem", tone, sentence, announcement: sentence };
  }
  if (connection === "connecting") return connectingSituation(input);
  if (shown === null || !isCurrent) {
    const sentence = shown === null
      ? "Connected; the first figures are on their way."
      : `Connected again; newer figures are on their way. ${asOf(shown, input)}.`;
    return { kind: "waiting", tone: "quiet", sentence, announcement: sentence };
  }
  if (shown.silence !== null) return staleSituation(shown, shown.silence, input);
  if (now - shown.receivedAt > SILENT_AFTER_MS) return silentSituation(shown, input);
  return {
    kind: "live",
    tone: "good",
    sentence: "Live: orders show here as they are committed.",
    announcement: "The figures are live.",
  };
}

function lostSituation(input: SituationInput): Situation {
  const { shown, awaySince, now } = input;
  const since = awaySince ?? now;
  const figures = shown === null ? "" : ` ${asOf(shown, input)}.`;
  const clock = formatMoment(new Date(since + input.clockOffsetMs).toISOString(), serverNow(input));
  return {
    kind: "reconnecting",
    tone: "bad",
    sentence: `The connection to the server has been lost for ${formatAge(now - since)}, ` +
      `since ${clock}; reconnecting…${figures}`,
    announcement: `The connection to the server is lost; reconnecting…${figures}`,
  };
}

function connectingSituation({ awaySince, now }: SituationInput): Situation {
  const waitedMs = awaySince === null ? 0 : now - awaySince;
  const announcement = "Connecting to the server…";
  return waitedMs < SLOW_AFTER_MS
    ? { kind: "connecting", tone: "quiet", sentence: announcement, announcement }
    : {
      kind: "connecting",
      tone: "bad",
      sentence: `The server has not answered for ${formatAge(waitedMs)}; trying again…`,
      announcement,
    };
}

function staleSituation(
  shown: Shown,
  { since, isExact }: NonNullable<Shown["silence"]>,
  input: SituationInput,
): Situation {
  const time = `${isExact ? "" : "more than "}${formatAge(input.now - since)}`;
  const figures = asOf(shown, input, "figures");
  return {
    kind: "stale",
    tone: "watch",
    sentence: `The database has given no new figures for ${time} – ${figures}.`,
    announcement: `The database gives no new figures; ${figures}.`,
  };
}

function silentSituation(shown: Shown, input: SituationInput): Situation {
  const figures = asOf(shown, input, "figures");
  return {
    kind: "silent",
    tone: "watch",
    sentence: `Nothing has come from the server for ${formatAge(input.now - shown.receivedAt)} – ` +
      `${figures}.`,
    announcement: `Nothing comes from the server; ${figures}.`,
  };
}

function asOf({ snapshot }: Shown, input: SituationInput, begin = "Figures"): string {
  return `${begin} as of ${formatMoment(snapshot.asOf, serverNow(input))}`;
}

function serverNow({ now, clockOffsetMs }: SituationInput): number {
  return now + clockOffsetMs;
}
