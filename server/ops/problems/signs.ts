/**
 * The signs by which problems are found: the gauges, the streaks of failures, and what the parts of
 * the instance know of the database and of Redis. All are cheap to read.
 *
 * Tested in tests/server/ops/problems/list_test.ts.
 */
import type { ConnectionLimit } from "../../../sql/connection/connections.ts";
import type { Gauges } from "../../telemetry/gauges.ts";
import type { Streaks } from "../../telemetry/streak.ts";

/** The database as the regular check and the reads of figures see it. */
export interface DatabaseSigns {
  /** No read has been answered for 5 s. */
  readonly isSilent: boolean;
  /** Why the latest read failed; empty: none has failed. */
  readonly reason: string;
  /** When the latest read was answered, monotonic; null: none was. */
  readonly answeredAt: number | null;
  /** When the latest silence ended; null: there was none. */
  readonly backAt: number | null;
  /** The age of the newest fold at the latest answer, milliseconds; null: not known. */
  readonly figuresAgeMs: number | null;
  /** From this age on figures are old. */
  readonly oldAfterMs: number;
}

export interface OverflowSigns {
  /** Why the overflow takes no orders; empty: it takes them. */
  readonly reason: string;
  readonly bytes: number;
  /** When Redis, at its memory limit, last turned an order away, monotonic; null: never. */
  readonly fullAt: number | null;
}

/** The time of each clock now, Unix milliseconds; null: not known. */
export interface ClockSigns {
  readonly database: number | null;
  /** Known only where there is an overflow, whose orders get this time. */
  readonly redis: number | null;
  readonly instance: number;
}

/** A side step that fails and that nothing waits for. */
export interface FailingStep {
  readonly name: string;
  /** The latest failure in one line. */
  readonly error: string;
  /** The part of the service that is missing meanwhile. */
  readonly missing: string;
}

/** A failing side step in one line. */
export function describeStep({ name, error, missing }: FailingStep): string {
  return `${name}: ${error} (meanwhile ${missing})`;
}

/** The journal that waits to be folded. */
interface BacklogSigns {
  readonly entries: number;
  /** The store with the most entries in rows of its own; null: none has any. */
  readonly largestStore: string | null;
  /** Orders that were refused for the backlog since the start. */
  readonly refusedOrders: number;
}

export interface Signs extends Omit<Gauges, "problems"> {
  readonly streaks: Streaks;
  readonly database: () => DatabaseSigns;
  /** Null: there is none. */
  readonly overflow: () => OverflowSigns | null;
  readonly clocks: () => ClockSigns;
  /** The lost connections to Redis, each with its error. Null: the instance runs without Redis. */
  readonly lostRedis: () => readonly string[] | null;
  /** The prefix of keys and channels in Redis. */
  readonly redisPrefix: string;
  readonly failingSteps: () => readonly FailingStep[];
  /** Orders in the overflow that can neither be stored nor become dead letters. */
  readonly setAsideOrders: () => number;
  /** Null: the server allows as many connections as the pools want. */
  readonly connectionLimit: () => ConnectionLimit | null;
  /** The ways by which notices of folds are heard. */
  readonly heard: () => ReadonlySet<"redis" | "postgres">;
  /** The first drifted buckets by name. */
  readonly driftedBuckets: () => readonly string[];
  /** Orders that were refused since the start because too many waited, and when the last was. */
  readonly shed: () => { readonly orders: number; readonly lastAt: number | null };
  /** Orders that were refused since the start because the circuit was open. */
  readonly refusedOrders: () => number;
  /** The journal that waits to be folded. */
  readonly backlog: () => BacklogSigns;
  readonly bugs: () => { readonly count: number; readonly latest: string };
  readonly bounds: {
    readonly queueOrders: number;
    readonly queueBytes: number;
    readonly journalEntries: number;
    readonly overflowOrders: number;
    readonly overflowBytes: number;
  };
}
