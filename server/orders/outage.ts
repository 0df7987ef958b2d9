/**
 * Failures of the database as callers are told of them: `unavailable`, with a time to come back.
 * A failure that is not the database's is a bug and passes through as it is.
 */
import { refuse } from "../../client/contract/refusal.ts";
import { Refused } from "../../client/contract/refused.ts";
import { classify } from "../../sql/connection/failure.ts";

const RETRY_AFTER_MS = 1_000;

export const DATABASE_AWAY = refuse("unavailable", "the database is away", RETRY_AFTER_MS);
const TOO_BUSY = refuse("unavailable", "too busy", RETRY_AFTER_MS);

/** The result of a database call. @throws Refused unavailable, else what `call` throws */
export async function orUnavailable<T>(call: Promise<T>): Promise<T> {
  try {
    return await call;
  } catch (error) {
    throw asRefused(error);
  }
}

/** `error` as a refusal where the database is at fault, else `error` itself. */
export function asRefused(error: unknown): unknown {
  if (error instanceof Refused || !isOutage(error)) return error;
  return new Refused(classify(error).kind === "contention" ? TOO_BUSY : DATABASE_AWAY);
}

/** True when a database call failed because of the database; false when a bug is the cause. */
export function isOutage(error: unknown): boolean {
  return classify(error).code !== "UNKNOWN";
}
