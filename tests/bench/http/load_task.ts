/** The words between a bench and its load (load.ts). */

export interface Call {
  readonly method: "GET" | "POST";
  readonly path: string;
  readonly token: string | null;
  /** 0: the call has no order. 1: the body is the order. More: the body has them as `orders`. */
  readonly ordersACall: number;
}

export interface LoadTask {
  readonly url: string;
  readonly callers: number;
  readonly warmUpMs: number;
  readonly measureMs: number;
  /**
   * Calls are due at this rate, whether those before are answered or not, and are timed from the moment
   * they were due. Null: each caller calls after its answer.
   */
  readonly ratePerSecond: number | null;
  readonly call: Call;
  /** The status of a good answer. */
  readonly goodStatus: number;
}

export interface LoadReport {
  /** Good answers. */
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Other answers, by status. */
  readonly failures: Readonly<Record<string, number>>;
}
