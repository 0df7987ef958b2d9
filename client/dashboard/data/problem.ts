/**
 * The problem of a feed that has nothing to show, as a sentence for a person. It also says whether
 * waiting helps.
 *
 * Failures are told apart by `reason`, never by their text.
 * Tested in tests/client/dashboard/data/feed_test.ts.
 */
import { errorDataOf, type RefusalReason } from "../../mod.ts";

export interface Problem {
  /** Null when the error did not come from the service. */
  readonly reason: RefusalReason | null;
  readonly sentence: string;
  /** The server's own words as a sentence, where it has answered. */
  readonly said?: string;
  /** The time until the next try; null when asking again cannot help. */
  readonly retryAfterMs: number | null;
}

const RETRY_AFTER_MS = 2_000;

/** Waiting does not help with these reasons: a person has to act. */
const FINAL: ReadonlySet<RefusalReason> = new Set([
  "unauthenticated",
  "forbidden",
  "invalid_input",
  "not_found",
]);

const SENTENCES: Partial<Record<RefusalReason, string>> = {
  unauthenticated: "This API key is wrong, or it has been revoked.",
  unavailable: "The database does not answer, and there are no earlier figures to show.",
  draining: "This instance is shutting down.",
  rate_limited: "This key has made too many calls.",
  outcome_unknown: "The database's answer was lost on its way.",
};

/** Makes a problem of the error of a call or a subscription. */
export function problemOf(error: unknown): Problem {
  const data = errorDataOf(error);
  const message = error instanceof Error ? error.message : String(error);
  const reason = data?.reason ?? null;
  const isFinal = reason !== null && FINAL.has(reason);
  return {
    reason,
    sentence: data === null ? lostAnswer(innermost(error)) : SENTENCES[reason ?? "internal"] ??
      sentenceOf(message),
    ...(data === null ? {} : { said: sentenceOf(message) }),
    retryAfterMs: isFinal ? null : data?.retryAfterMs ?? RETRY_AFTER_MS,
  };
}

/** The words of the first cause: the client's own words name the address, which the viewer sees. */
function innermost(error: unknown): string {
  let deepest = error;
  for (let depth = 0; depth < 5; depth++) {
    const { cause } = Object(deepest) as { cause?: unknown };
    if (!(cause instanceof Error)) break;
    deepest = cause;
  }
  return deepest instanceof Error ? deepest.message : String(deepest);
}

/**
 * The problem of a page that a share link has opened. Its viewer knows of no key, and whoever made the
 * link can make another.
 */
export function problemOfLink(problem: Problem): Problem {
  const { reason, said } = problem;
  if (reason !== "unauthenticated" || said === undefined) return problem;
  return { ...problem, sentence: `${said} Ask for a new link.` };
}

/** The server was not reached, or its answer was lost or spoilt on its way. */
function lostAnswer(cause: string): string {
  return `The server's answer was lost on its way${cause === "" ? "" : ` (${cause})`}.`;
}

function sentenceOf(message: string): string {
  const text = message === "" ? "the server gave no reason" : message;
  return `${text.slice(0, 1).toUpperCase()}${text.slice(1)}${/[.!?…]$/.test(text) ? "" : "."}`;
}
