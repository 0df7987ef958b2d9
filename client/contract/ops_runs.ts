/**
 * Runs that an operator asks for: a fold (`ops.aggregate`) and an audit (`ops.audit`).
 * Tested in tests/server/router/ops_test.ts.
 */
import { z } from "zod";

/** The report of a fold that an operator asked for. */
export type AggregateResult =
  | { readonly version: number; readonly journalRows: number; readonly orders: number; ms: number }
  | { readonly skipped: "locked" | "running" };

/** Buckets of one audit. Each takes a few ms, except a day of a store with very many orders. */
export const AUDITED_BUCKETS = 10;

export interface AuditInput {
  readonly buckets?: number | undefined;
}

export const auditInput = z.strictObject({
  buckets: z.int().min(1).max(1_000).default(AUDITED_BUCKETS),
});

/** A bucket whose rollups differ from the sums of its orders. */
export interface Drift {
  readonly scope: string;
  /** `2026-11-22T10:00:00.000Z` for a minute, `2026-11-22` for a day. */
  readonly bucket: string;
  readonly currency: string;
  /** Null: the sums of all orders. `*`: the sums of all products together. */
  readonly sku: string | null;
  /** The recount of the orders, as decimal strings by name. */
  readonly expected: Readonly<Record<string, string>>;
  /** The rollups, as decimal strings by name. */
  readonly found: Readonly<Record<string, string>>;
}

export interface AuditReport {
  /** The number of buckets checked. Each counts for its store and again for `*`. */
  readonly checked: number;
  readonly drifted: readonly Drift[];
  /**
   * Nothing was checked: the folds are far behind, or a newer version of Weir writes journal rows
   * that this one cannot read.
   */
  readonly skipped?: "journal";
}
