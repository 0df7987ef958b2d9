/**
 * When a circuit should open: the share of failed or slow calls among the latest ones.
 *
 * The window slides by calls and by time: it holds at most `maxCalls` calls and none older than
 * `maxAgeMs`, and it says nothing before it holds `minCalls`. (The two rates and the minimum are
 * those of Resilience4j's circuit breaker.)
 *
 * Silence is another matter: a server that hangs answers so few calls that the many good ones from
 * before would outvote them for a long time. Two calls in a row that nobody answered are enough.
 */

export interface WindowOptions {
  readonly maxCalls: number;
  readonly maxAgeMs: number;
  readonly minCalls: number;
  /** Share of failed calls, 0 to 1, from which the circuit opens. */
  readonly failureRate: number;
  /** A call that took this long is slow, whatever came of it. */
  readonly slowCallMs: number;
  /** Share of slow calls, 0 to 1, from which the circuit opens. */
  readonly slowCallRate: number;
}

interface Call {
  readonly at: number;
  readonly failed: boolean;
  readonly slow: boolean;
  readonly silent: boolean;
}

/** As many as are in flight at once, so that one lost connection alone is not taken for silence. */
const SILENT_IN_A_ROW = 2;

export class SlidingWindow {
  #calls: Call[] = [];

  constructor(readonly options: WindowOptions) {}

  /** Takes in a call that ended at `at` (milliseconds) after `tookMs`. `silent`: unanswered. */
  record(at: number, tookMs: number, failed: boolean, silent = false): void {
    this.#calls.push({ at, failed, slow: tookMs >= this.options.slowCallMs, silent });
    if (this.#calls.length > this.options.maxCalls) this.#calls.shift();
  }

  /** True when the calls of the window, seen at `now`, are bad enough to open the circuit. */
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
