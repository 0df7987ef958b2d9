/**
 * `ops.status`: the state of every actor of one instance, and the problems that stand.
 * Tested in tests/server/ops/problems/list_test.ts.
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
  /** The folds that have failed here since the latest one that did not. */
  readonly failuresInARow: number;
  /** The SQLSTATE or socket error of the latest failed fold. */
  readonly lastError: string | null;
  /** ISO 8601, by this instance's clock; null: no fold has failed. */
  readonly lastErrorAt: string | null;
}

/** The audits of this instance. */
export interface AuditorStatus {
  /** ISO 8601, by this instance's clock; null before the first. */
  readonly lastRunAt: string | null;
  /** The buckets that the latest audit checked. 0 when it failed or was skipped. */
  readonly checked: number;
  /** The buckets known to differ from their orders now. Each audit checks them again. */
  readonly drifted: number;
}

/** The way on which the instance hears the notices of folds. */
export type BusState = "redis" | "postgres" | "down";

/** The overflow. `draining` means that orders go back to the database. */
export interface OverflowStatus {
  readonly state: "ready" | "draining" | "unavailable" | "not_durable";
  readonly orders: number;
  readonly oldestAgeMs: number | null;
}

/**
 * The names of the problems that an operator has to know. Alerts may rest on them:
 * docs/operating.md says what each means and what to do.
 */
export const PROBLEM_NAMES = [
  "not_prepared",
  "database_out",
  "reads_out",
  "primary_unknown",
  "connections_few",
  "keys_unreadable",
  "folds_failing",
  "folds_behind",
  "figures_old",
  "drift",
  "listen_unheard",
  "redis_away",
  "redis_refuses",
  "overflow_absent",
  "overflow_unavailable",
  "overflow_not_durable",
  "overflow_nearly_full",
  "overflow_waiting",
  "drain_stalled",
  "orders_set_aside",
  "orders_shed",
  "dead_letters",
  "clocks_apart",
  "upkeep_failing",
  "process_stalls",
  "bug",
] as const;

export type ProblemName = typeof PROBLEM_NAMES[number];

/** A problem that stands now. */
export interface StandingProblem {
  readonly name: ProblemName;
  /** ISO 8601, by this instance's clock. */
  readonly since: string;
  /** The present cause, in words. Its text may change between versions. */
  readonly detail: string;
  /** Figures by name, such as `spilledOrders`. */
  readonly counts: Readonly<Record<string, number>>;
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
  readonly auditor: AuditorStatus;
  /** The problems that stand now, in the order of `PROBLEM_NAMES`. */
  readonly problems: readonly StandingProblem[];
}
