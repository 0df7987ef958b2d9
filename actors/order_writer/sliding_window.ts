/**
 * The sliding window: tells when a circuit should open, by the share of failed or slow calls among
 * the latest ones.
 *
 * It holds at most `maxCalls` calls and none older than `maxAgeMs`. It says nothing before it holds
 * `minCalls`. (Two rates and a minimum are the idea of Resilience4j's circuit breaker.) The numbers,
 * each with its reason, are in order_writer.ts.
 *
 * Silence has its own rule: two calls in a row without an answer open the circuit. A hung server
 * ends few calls, and the many good calls from before outvote these few. With the rates alone the
 * circuit opened after 6.4 s. With this rule it opens after 1.0 to 1.5 s.
 */

export interface WindowOptions {
  readonly maxCalls: number;
  readonly maxAgeMs: number;
  readonly minCalls: number;
  /** The circuit opens from this share of failed calls on, 0 to 1. */
  readonly failureRate: number;
  /** A call that took this long is slow, whether it failed or not. */
  readonly slowCallMs: number;
  /** The circuit opens from this share of slow calls on, 0 to 1. */
  readonly slowCallRate: number;
}

interface Call {
  readonly at: number;
  readonly failed: boolean;
  readonly slow: boolean;
  readonly silent: boolean;
}

/**
 * The circuit opens after this many calls in a row without an answer. The number equals the number
 * of lanes, because one lost connection alone must not count as a silent database.
 */
const SILENT_IN_A_ROW = 2;

export class SlidingWindow {
  #calls: Call[] = [];

  constructor(readonly options: WindowOptions) {}

  /** Adds a call that ended at `at` (milliseconds) after `tookMs`. `silent`: nobody answered it. */
  record(at: number, tookMs: number, failed: boolean, silent = false): void {
    this.#calls.push({ at, failed, slow: tookMs >= this.options.slowCallMs, silent });
    if (this.#calls.length > this.options.maxCalls) this.#calls.shift();
  }

  /** True when the calls of the window are bad enough at `now` to open the circuit. */
  isBad(now: number): boolean {
    const { maxAgeMs, minCalls, failureRate, slowCallRate } = this.options;
    const calls = this.#calls.filter((call) => now - call.at <= maxAgeMs);
    const latest = calls.slice(-SILENT_IN_A_ROW);
    if (latest.length === SILENT_IN_A_ROW && latest.every((call) => call.silent)) return true;
    if (calls.length < minCalls) return false;
    const share = (which: (call: Call) => boolean) => calls.filter(which).length / calls.length;
    return share((call) => call.failed) >= failureRate ||
      share((call) => call.slow) >= slowCallRate;
  }

  clear(): void {
    this.#calls = [];
  }
}
