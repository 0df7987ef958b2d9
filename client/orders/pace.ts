/**
 * The pace of a client: how many calls with orders are under way at once. A server that refuses for now
 * is sent less. The number is halved when a call is refused, and grows by one for each round of calls
 * that are taken, as TCP does it (RFC 5681: additive increase, multiplicative decrease). New calls wait
 * as long as the refusal says.
 *
 * Tested in tests/client/orders/pace_test.ts.
 */
import type { Clock } from "../clock.ts";
import { deferred } from "../deferred.ts";

/** Calls under way before anything is refused. A server with room has its own limits. */
const MOST_CALLS = 1_000;

export class Pace {
  #limit = MOST_CALLS;
  #underWay = 0;
  /** No call begins before this time. */
  #closedUntil = -Infinity;
  #begun = 0;
  /** Calls up to this one have no say any more: one overload is one reason to slow down. */
  #heardUpTo = 0;
  #timer: (() => void) | null = null;
  readonly #waiting: (() => void)[] = [];

  constructor(readonly clock: Clock) {}

  /** The calls that may be under way at once, at this moment. */
  get limit(): number {
    return Math.floor(this.#limit);
  }

  /**
   * Makes `call` when its turn comes.
   * @param refusedForMs the time for which the server asks not to be called, or null when it took the call.
   * @throws what `call` throws, and the signal's reason when it is aborted before the turn
   */
  async run<T>(
    call: () => Promise<T>,
    refusedForMs: (result: T) => number | null,
    signal: AbortSignal,
  ): Promise<T> {
    await this.#turn(signal);
    const number = ++this.#begun;
    try {
      const result = await call();
      const refusedMs = refusedForMs(result);
      if (refusedMs === null) this.#taken();
      else this.#refused(number, refusedMs);
      return result;
    } finally {
      this.#underWay--;
      this.#next();
    }
  }

  #taken(): void {
    this.#limit = Math.min(MOST_CALLS, this.#limit + 1 / this.#limit);
  }

  #refused(call: number, retryAfterMs: number): void {
    this.#closedUntil = Math.max(this.#closedUntil, this.clock.now() + retryAfterMs);
    if (call <= this.#heardUpTo) return;
    this.#heardUpTo = this.#begun;
    this.#limit = Math.max(1, Math.min(this.#limit, this.#underWay) / 2);
  }

  async #turn(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.#waiting.length === 0 && this.#isFree()) {
      this.#underWay++;
      return;
    }
    const { promise, resolve, reject } = deferred<void>();
    const give = () => {
      signal.removeEventListener("abort", leave);
      this.#underWay++;
      resolve();
    };
    const leave = () => {
      this.#waiting.splice(this.#waiting.indexOf(give), 1);
      reject(signal.reason);
    };
    signal.addEventListener("abort", leave, { once: true });
    this.#waiting.push(give);
    this.#next();
    await promise;
  }

  #isFree(): boolean {
    return this.#underWay < this.limit && this.clock.now() >= this.#closedUntil;
  }

  /** Gives turns to those who wait, as far as they go. */
  #next(): void {
    while (this.#waiting.length > 0 && this.#isFree()) this.#waiting.shift()!();
    this.#timer?.();
    this.#timer = null;
    if (this.#waiting.length === 0) return;
    const waitMs = this.#closedUntil - this.clock.now();
    if (waitMs > 0) this.#timer = this.clock.after(waitMs, () => this.#next());
  }
}
