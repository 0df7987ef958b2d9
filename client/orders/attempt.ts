/**
 * One try of a call: with a time of its own, so that a lost one leaves time for the next, and with the
 * token of the moment.
 *
 * Tested in tests/client/orders/place_test.ts.
 */
import { WeirError, weirErrorOf } from "../api/weir_error.ts";
import type { Token } from "../api/token.ts";
import { type Clock, orAborted } from "../clock.ts";

/** The end of a try: its result, or its error. */
export type Attempt<T> =
  | { readonly ok: true; readonly result: T }
  | { readonly ok: false; readonly error: WeirError };

/** The times of one try. */
export interface TryTimes {
  /** After this the client gives the try up, milliseconds. */
  readonly timeoutMs: number;
  /** The `deadlineMs` for the server: it gives up first, so that its refusal still arrives. */
  readonly serverMs: number;
}

/** Weir answers at the latest 5 s (its statement timeout) after the deadline. */
const LONGEST_TRY_MS = 10_000;
const SHARE_OF_SERVER = 0.5;
/** The contract's bounds of `deadlineMs`. */
const [LEAST_SERVER_MS, MOST_SERVER_MS] = [50, 5_000];
/** With less time than this no try is begun. */
export const SHORTEST_TRY_MS = 50;

/** The times of a try, of the time that is left. */
export function tryTimes(leftMs: number): TryTimes {
  const timeoutMs = Math.min(Math.max(1, leftMs), LONGEST_TRY_MS);
  const serverMs = Math.floor(timeoutMs * SHARE_OF_SERVER);
  return {
    timeoutMs,
    serverMs: Math.min(MOST_SERVER_MS, Math.max(LEAST_SERVER_MS, serverMs)),
  };
}

/**
 * Makes one try. It does not throw. A refused token is brought anew, and the call made once more with it.
 * @param signal ends the try.
 */
export async function attempt<T>(
  { clock, token }: { readonly clock: Clock; readonly token: Token },
  timeoutMs: number,
  call: (signal: AbortSignal) => Promise<T>,
  signal: AbortSignal,
): Promise<Attempt<T>> {
  const giveUp = new AbortController();
  const stop = clock.after(timeoutMs, () => giveUp.abort());
  const leave = () => giveUp.abort();
  signal.addEventListener("abort", leave);
  try {
    const used = await orAborted(token.current(), giveUp.signal).catch(cannotSign);
    const first = await once(call, giveUp.signal, timeoutMs);
    if (first.ok || first.error.reason !== "unauthenticated" || !token.refused(used)) return first;
    await orAborted(token.current(), giveUp.signal).catch(cannotSign);
    return await once(call, giveUp.signal, timeoutMs);
  } catch (error) {
    return { ok: false, error: weirErrorOf(error) };
  } finally {
    stop();
    signal.removeEventListener("abort", leave);
  }
}

async function once<T>(
  call: (signal: AbortSignal) => Promise<T>,
  signal: AbortSignal,
  timeoutMs: number,
): Promise<Attempt<T>> {
  try {
    // A batch goes on while another of its calls wants to wait.
    return { ok: true, result: await orAborted(call(signal), signal) };
  } catch (cause) {
    const error = signal.aborted
      ? new WeirError("no_answer", `no answer within ${Math.round(timeoutMs)} ms`, {}, { cause })
      : weirErrorOf(cause);
    return { ok: false, error };
  }
}

/** Nothing was sent: the caller's function may bring a token another time, unless it brought none. */
function cannotSign(cause: unknown): never {
  const why = cause instanceof Error ? cause.message : String(cause);
  if (cause instanceof TypeError) throw new WeirError("unauthenticated", why, {}, { cause });
  throw new WeirError("no_token", `no token could be had: ${why}`, {}, { cause });
}

/**
 * The time for which the server asks not to be called; null: it asks for nothing. No answer is a sign of
 * too many calls, as a lost packet is.
 */
export function refusedForMs(outcome: Attempt<unknown>): number | null {
  return outcome.ok || !outcome.error.mayPassLater ? null : outcome.error.retryAfterMs ?? 0;
}
