/**
 * `ops.status`: the state of every actor of one instance.
 */

export interface OrderWriterStatus {
  readonly circuit: "closed" | "open" | "half_open";
  readonly intake: "accepting" | "draining" | "stopped";
  readonly queuedOrders: number;
  readonly queuedBytes: number;
  readonly inFlightBatches: number;
  readonly commitMsP50: number | null;
  readonly commitMsP99: number | null;
  /** The SQLSTATE or socket error of the latest failed batch. */
  readonly lastError: string | null;
  /** ISO 8601, by this instance's clock. It is for people: no figure depends on it. */
  readonly lastErrorAt: string | null;
}

export interface AggregatorStatus {
  readonly state: "standby" | "idle" | "running" | "running_pending" | "backing_off" | "stopped";
  readonly lastRunMs: number | null;
  /** ISO 8601, by this instance's clock. It is for people: no figure depends on it. */
  readonly lastRunAt: string | null;
  /** The time that the oldest wake-up has waited for its fold to end; 0 when none waits. */
  readonly lagMs: number;
  /** The number of runs during which another run was asked for. */
  readonly overlaps: number;
  readonly intervalMs: number;
}

/** The way on which the instance hears the notices of folds. */
export type BusState = "redis" | "postgres" | "down";

/** The overflow. `draining` means that orders go back to the database. */
export interface OverflowStatus {
  readonly state: "ready" | "draining" | "unavailable" | "not_durable";
  readonly orders: number;
  readonly oldestAgeMs: number | null;
}

export interface OpsStatus {
  readonly instanceId: string;
  readonly startedAt: string;
  readonly version: string;
  readonly writer: OrderWriterStatus;
  readonly aggregator: AggregatorStatus;
  readonly bus: { readonly state: BusState };
  readonly spill: OverflowStatus;
  readonly deadLetters: {
    readonly open: number;
    /** The rule that the open letter that failed last has broken, in words; null: none is known. */
    readonly latestRule: string | null;
  };
  readonly live: { readonly subscribers: number };
}
