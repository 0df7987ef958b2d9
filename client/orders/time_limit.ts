/**
 * The time that a caller gives a call: over when the deadline passes, the caller's signal aborts, or the
 * client is closed. Its signal's reason is a WeirError that says which of them it was.
 *
 * Tested in tests/client/orders/place_test.ts.
 */
import { WeirError } from "../api/weir_error.ts";
import type { Clock } from "../clock.ts";

export interface CallOptions {
  /** The time for all tries together, milliseconds; 30,000 when left out. */
  readonly deadlineMs?: number;
  /** Ends the tries. An order that is on its way then may have been stored. */
  readonly signal?: AbortSignal;
}

const DEADLINE_MS = 30_000;

export class TimeLimit {
  readonly #controller = new AbortController();
  readonly #endsAt: number;
  readonly #stops: (() => void)[] = [];
  /** The error of an order that was never sent in this time. */
  readonly passed: WeirError;

  /**
   * @param closed aborts when the client is closed.
   * @throws RangeError when the deadline is no time
   */
  constructor(
    readonly clock: Clock,
    { deadlineMs = DEADLINE_MS, signal }: CallOptions,
    closed: AbortSignal,
  ) {
    if (!(deadlineMs > 0)) throw new RangeError("deadlineMs must be above 0");
    this.#endsAt = clock.now() + deadlineMs;
    const words = `it could not be sent within ${deadlineMs} ms`;
    this.passed = new WeirError("deadline_exceeded", words);
    const pass = () => this.#end(this.passed);
    if (deadlineMs < Infinity) this.#stops.push(clock.after(deadlineMs, pass));
    this.#follow(closed, "the client was closed");
    if (signal !== undefined) this.#follow(signal, "the caller has given up");
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  get leftMs(): number {
    return this.#endsAt - this.clock.now();
  }

  /** The error that ended the time; null: it goes on. */
  get end(): WeirError | null {
    return this.signal.aborted ? this.signal.reason : null;
  }

  /** Takes the timer and the listeners off. */
  release(): void {
    for (const stop of this.#stops) stop();
  }

  #follow(signal: AbortSignal, message: string): void {
    const end = () => this.#end(new WeirError("aborted", message, {}, { cause: signal.reason }));
    if (signal.aborted) return end();
    signal.addEventListener("abort", end);
    this.#stops.push(() => signal.removeEventListener("abort", end));
  }

  #end(reason: WeirError): void {
    this.#controller.abort(reason);
  }
}
