/**
 * The lifetime of a stream whose caller has a browser token: it ends with the token, also while no
 * frame comes. A token that was renewed over the connection meanwhile makes it longer, or shorter.
 *
 * Tested in tests/server/router/tokens/renew_token_test.ts and lifetime_test.ts.
 */
import { refuse } from "../../../client/contract/refusal.ts";
import type { Credential, Principal } from "../context.ts";
import { tokenTime } from "./calendar.ts";

/** The refusal of a token after its end. */
export const TOKEN_EXPIRED = refuse("unauthenticated", "the token has expired");

/** The longest delay of a timer, milliseconds. */
const MAX_DELAY_MS = 2 ** 31 - 1;

export class Lifetime implements Disposable {
  /** Aborts at the end of the token, and when the client is gone. */
  readonly signal: AbortSignal | undefined;
  readonly #ending = new AbortController();
  #timer: ReturnType<typeof setTimeout> | undefined;

  /**
   * @param caller the caller with which the stream began.
   * @param credential of the connection; undefined: it cannot be renewed.
   * @param outer aborts when the client is gone.
   */
  constructor(
    readonly caller: Principal,
    readonly credential: Credential | undefined,
    outer: AbortSignal | undefined,
  ) {
    const all = outer === undefined ? [] : [outer];
    this.signal = caller.token === null ? outer : AbortSignal.any([...all, this.#ending.signal]);
    credential?.onRenewed.add(this.#look);
    this.#look();
  }

  /** True when the token has ended. */
  get isOver(): boolean {
    return this.#ending.signal.aborted;
  }

  [Symbol.dispose](): void {
    this.credential?.onRenewed.delete(this.#look);
    clearTimeout(this.#timer);
  }

  /** Ends, or waits for as long as the present token lasts. */
  readonly #look = (): void => {
    clearTimeout(this.#timer);
    const { token } = this.credential?.principal ?? this.caller;
    if (token === null) return;
    const leftMs = token.endsAt - tokenTime();
    if (leftMs <= 0) return this.#ending.abort();
    this.#timer = setTimeout(this.#look, Math.min(leftMs, MAX_DELAY_MS));
  };
}
