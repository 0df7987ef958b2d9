/**
 * The problems of the instance itself: orders that it sheds, letters that wait, clocks, its upkeep, its
 * process, and bugs.
 *
 * Tested in tests/server/ops/problems/list_test.ts.
 */
import { isForbidden } from "../../redis/rights.ts";
import { failsOn } from "./database_problems.ts";
import { STEP_FAILS_MS } from "./overflow_problems.ts";
import type { ProblemRule } from "./rule.ts";
import { describeStep, type Signs } from "./signs.ts";

const NEARLY_FULL = 0.8;
/** An order that was shed longer ago says nothing of now. */
const SHED_MS = 2_000;
/** The database's answer may have been on its way for as long as a few seconds. */
const CLOCKS_MS = 5_000;
/** A process that stands still for a shorter time misses no deadline of its own. */
const STALL_MS = 2_000;

export const INSTANCE_PROBLEMS: readonly ProblemRule[] = [
  {
    name: "orders_shed",
    words: "more orders come than the database commits",
    over: "no more orders come than the database commits",
    causes: ["database_out", "primary_unknown"],
    beginAfterMs: 1_000,
    look: ({ bounds, ...signs }, { now }) => {
      const { queuedOrders, queuedBytes } = signs.writer();
      const { orders: shedOrders, lastAt } = signs.shed();
      const share = Math.max(queuedOrders / bounds.queueOrders, queuedBytes / bounds.queueBytes);
      const isShedding = lastAt !== null && now - lastAt < SHED_MS;
      if (share < NEARLY_FULL && !isShedding) return null;
      const detail = isShedding ? "orders are refused" : "the mailbox is nearly full";
      return { detail, counts: { queuedOrders, queuedBytes, shedOrders } };
    },
  },
  {
    name: "dead_letters",
    words: "dead letters are open",
    over: "no dead letter is open",
    again: "change",
    look: (signs) => {
      const open = signs.deadLetters();
      if (open === 0) return null;
      return { detail: "each is an order that somebody waits for", counts: { openLetters: open } };
    },
    endAfterMs: 0,
  },
  {
    name: "clocks_apart",
    words: "clocks are far apart",
    over: "the clocks agree",
    again: "change",
    beginAfterMs: 10_000,
    look: (signs) => {
      const { database, redis, instance } = signs.clocks();
      if (database === null) return null;
      const details = [
        ...apart("this instance", instance - database, "the times in its log are wrong"),
        ...(redis === null
          ? []
          : apart("Redis", redis - database, "spilled orders get wrong times")),
      ];
      return details.length === 0 ? null : { detail: details.join("; ") };
    },
  },
  {
    name: "upkeep_failing",
    words: "a side step fails, and orders go on",
    over: "all side steps succeed",
    beginAfterMs: STEP_FAILS_MS,
    causes: ["not_prepared", "database_out", "reads_out", "primary_unknown", "redis_away"],
    look: (signs) => {
      const { audits } = signs.streaks;
      const failing = signs.failingSteps().filter(({ error }) => !isForbidden(error))
        .map(describeStep);
      if (failsOn(audits, signs.database())) failing.unshift(`audit: ${audits.reason}`);
      return failing.length === 0 ? null : { detail: failing.join("; ") };
    },
  },
  {
    name: "process_stalls",
    words: "the process stood still",
    over: "the process runs",
    endAfterMs: 10_000,
    look: (_signs, { lateMs }) => {
      if (lateMs < STALL_MS) return null;
      const detail = "it was stopped, or had too little of the processor";
      return { detail, counts: { lateMs: Math.round(lateMs) } };
    },
  },
  {
    name: "bug",
    words: "the program has met an error that it did not expect",
    over: "there is no unexpected error",
    again: "change",
    look: (signs: Signs) => {
      const { count, latest } = signs.bugs();
      return count === 0 ? null : { detail: latest, counts: { bugs: count } };
    },
  },
];

/** `this instance is 3,600 s ahead of the database: …`, when it is far away. */
function apart(whose: string, aheadMs: number, effect: string): string[] {
  if (Math.abs(aheadMs) < CLOCKS_MS) return [];
  // Rounded to ten seconds, so that the line changes only when the clock does.
  const seconds = Math.round(Math.abs(aheadMs) / 10_000) * 10;
  const way = aheadMs > 0 ? "ahead of" : "behind";
  return [`${whose} is about ${seconds} s ${way} the database: ${effect}`];
}
