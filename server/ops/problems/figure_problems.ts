/**
 * The problems of the figures: folds that fail, figures that stand still, drift, and notices that are
 * not heard.
 *
 * Tested in tests/server/ops/problems/list_test.ts.
 */
import { failsOn } from "./database_problems.ts";
import type { ProblemRule } from "./rule.ts";

/** Folds that fail for a shorter time show on no dashboard for long. */
const FOLDS_FAIL_MS = 6_000;
/** An operator hears of a long journal well before orders are refused for it. */
const HALF_FULL = 0.5;

export const FIGURE_PROBLEMS: readonly ProblemRule[] = [
  {
    name: "folds_failing",
    words: "folds fail",
    over: "folds succeed again",
    causes: ["not_prepared", "database_out", "primary_unknown"],
    look: ({ streaks: { folds }, ...signs }, { now }) => {
      const { failures, firstAt, reason } = folds;
      if (!failsOn(folds, signs.database()) || now - (firstAt ?? now) < FOLDS_FAIL_MS) return null;
      return { detail: reason, counts: { failedFolds: failures } };
    },
  },
  {
    name: "folds_behind",
    words: "orders come faster than folds take them",
    over: "folds keep up with the orders",
    causes: ["not_prepared", "database_out", "primary_unknown", "folds_failing"],
    look: ({ bounds, ...signs }) => {
      const { entries, largestStore, refusedOrders } = signs.backlog();
      if (entries < HALF_FULL * bounds.journalEntries) return null;
      const whose = largestStore === null ? "of many stores" : `most of ${largestStore}`;
      const isFull = entries > bounds.journalEntries;
      const fate = isFull ? "its new orders are refused" : "past the bound its orders are refused";
      return {
        detail: `the journal is long, ${whose}; ${fate}`,
        counts: { journalEntries: entries, mostEntries: bounds.journalEntries, refusedOrders },
      };
    },
  },
  {
    name: "figures_old",
    words: "the figures stand still",
    over: "the figures are new again",
    causes: ["not_prepared", "database_out", "reads_out"],
    beginAfterMs: 5_000,
    look: ({ streaks: { folds }, ...signs }) => {
      const { isSilent, figuresAgeMs, oldAfterMs } = signs.database();
      if (isSilent || figuresAgeMs === null || figuresAgeMs <= oldAfterMs) return null;
      const why = folds.failures > 0
        ? `folds fail here: ${folds.reason}`
        : "this instance finds the lock of the fold taken, or rows of a newer version";
      return {
        detail: `no instance has ended a fold; ${why}`,
        counts: { ageSeconds: Math.round(figuresAgeMs / 1_000) },
      };
    },
  },
  {
    name: "drift",
    words: "figures are not what their orders add up to",
    over: "the figures add up again",
    level: "error",
    look: (signs) => {
      const buckets = signs.driftedBuckets();
      if (buckets.length === 0) return null;
      const { drifted } = signs.auditor();
      const more = drifted > buckets.length ? `, and ${drifted - buckets.length} more` : "";
      return {
        detail: `drift in ${buckets.join(", ")}${more}: run the task rebuild`,
        counts: { driftedBuckets: drifted },
      };
    },
    endAfterMs: 0,
  },
  {
    name: "listen_unheard",
    words: "LISTEN is not heard",
    over: "LISTEN is heard",
    causes: ["not_prepared", "database_out"],
    beginAfterMs: 5_000,
    look: (signs) => {
      const heard = signs.heard();
      if (heard.has("postgres")) return null;
      const detail = heard.has("redis")
        ? "Redis alone carries the notices of folds"
        : "no notice of a fold arrives: dashboards follow by the check of each 2.4 s";
      return { detail };
    },
  },
];
