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
 *
 * A database without a primary has its own rule too. A standby's answer is no failure, because the
 * next call may find the primary. But when nothing has succeeded for a while, and a standby answers,
 * there is no primary to be found.
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

/**
 * The end of a call. `silent`: nobody answered, which is a failure. `standby`: a server answered that
 * takes no orders, which is none.
 */
export type CallEnd = "fine" | "failed" | "silent" | "standby";

interface Call {
  readonly at: number;
  readonly end: CallEnd;
  readonly slow: boolean;
}

/**
 * The circuit opens after this many calls in a row without an answer. The number equals the number
 * of lanes, because one lost connection alone must not count as a silent database.
 */
const SILENT_IN_A_ROW = 2;

export class SlidingWindow {
  #calls: Call[] = [];
  /** The latest calls in a row of which none was fine. Null: the latest was. */
  #row: { readonly since: number; readonly latest: number; readonly metStandby: boolean } | null =
    null;

  constructor(readonly options: WindowOptions) {}

  /** Adds a call that ended at `at` (milliseconds) after `tookMs`. */
  record(at: number, tookMs: number, end: CallEnd): void {
    this.#calls.push({ at, end, slow: tookMs >= this.options.slowCallMs });
    if (this.#calls.length > this.options.maxCalls) this.#calls.shift();
    const goesOn = this.#row !== null && at - this.#row.latest <= this.options.maxAgeMs;
    const { since, metStandby } = goesOn ? this.#row! : { since: at, metStandby: false };
    this.#row = end === "fine"
      ? null
      : { since, latest: at, metStandby: metStandby || end === "standby" };
  }

  /** True when the calls of the window are bad enough at `now` to open the circuit. */
  isBad(now: number): boolean {
    const { maxAgeMs, minCalls, failureRate, slowCallRate } = this.options;
    const calls = this.#calls.filter((call) => now - call.at <= maxAgeMs);
    const latest = calls.slice(-SILENT_IN_A_ROW);
    if (latest.length === SILENT_IN_A_ROW && latest.every(({ end }) => end === "silent")) {
      return true;
    }
    if (calls.length < minCalls) return false;
    const share = (which: (call: Call) => boolean) => calls.filter(which).length / calls.length;
    return share(({ end }) => end === "failed" || end === "silent") >= failureRate ||
      share((call) => call.slow) >= slowCallRate;
  }

  /**
   * The time for which there has been no primary, milliseconds: since the first of the latest calls
   * in a row of which none was fine. 0 when no standby is among them.
   */
  withoutPrimaryMs(now: number): number {
    return this.#row?.metStandby === true ? now - this.#row.since : 0;
  }

  clear(): void {
    this.#calls = [];
    this.#row = null;
  }
}
