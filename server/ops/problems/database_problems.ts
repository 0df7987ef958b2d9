/**
 * The problems of the database as the instance sees them: orders that cannot be committed, reads that
 * are not answered, a primary that nobody finds, keys that cannot be looked up.
 *
 * Tested in tests/server/ops/problems/list_test.ts.
 */
import { isStandby } from "../../../sql/connection/failure.ts";
import type { Streak } from "../../telemetry/streak.ts";
import type { ProblemRule } from "./rule.ts";
import type { DatabaseSigns, Signs } from "./signs.ts";

/** A key that was looked up longer ago says nothing of now. */
const LOOKUP_MS = 10_000;

export const DATABASE_PROBLEMS: readonly ProblemRule[] = [
  {
    name: "not_prepared",
    isSaid: false, // start_tries.ts says each cause, with the setting to look at
    words: "the instance waits for its database",
    over: "the database is ready",
    look: ({ streaks: { preparation } }) => {
      const { failures, reason } = preparation;
      return failures === 0 ? null : { detail: reason, counts: { attempts: failures } };
    },
    endAfterMs: 0,
  },
  {
    name: "database_out",
    words: "the database is out",
    over: "the database is back",
    causes: ["not_prepared"],
    look: (signs) => {
      const { circuit, lastError, queuedOrders } = signs.writer();
      const { isSilent, reason } = signs.database();
      if (circuit === "closed" && (!isSilent || commitsGoOn(signs))) return null;
      // The check may have met the same failure, and knows more of it than its code.
      const isSame = circuit === "closed" || (lastError !== null && reason.includes(lastError));
      const cause = isSame ? reason : lastError;
      const counts = {
        queuedOrders,
        spilledOrders: signs.spill().orders,
        refusedOrders: signs.refusedOrders(),
      };
      const fate = signs.overflow()?.reason === "" ? "go into the overflow" : "are refused";
      return { detail: `${cause || "it is silent"}; orders ${fate} until it is back`, counts };
    },
  },
  {
    name: "reads_out",
    words: "the database answers no reads",
    over: "the database answers reads",
    causes: ["not_prepared", "database_out"],
    look: (signs) => {
      const { isSilent, reason } = signs.database();
      if (!isSilent || !commitsGoOn(signs)) return null;
      return { detail: `${reason || "it is silent"}; orders are committed all the same` };
    },
  },
  {
    name: "primary_unknown",
    words: "no host of the database takes writes",
    over: "the primary is found",
    causes: ["database_out"],
    beginAfterMs: 3_000,
    look: ({ streaks: { batches, folds } }) => {
      const standby = [batches, folds].find((work) => work.failures > 1 && isStandby(work.error));
      if (standby === undefined) return null;
      const detail =
        `each that answers is a standby (${standby.reason}); orders wait for a primary`;
      return { detail, counts: { failedBatches: batches.failures, failedFolds: folds.failures } };
    },
  },
  {
    name: "connections_few",
    words: "the server allows fewer connections than Weir wants",
    over: "the server allows enough connections",
    endAfterMs: 60_000,
    again: "change",
    look: ({ connectionLimit }) => {
      const limit = connectionLimit();
      if (limit === null) return null;
      return {
        detail: "the pools share what there is, so calls wait for each other",
        counts: { ...limit },
      };
    },
  },
  {
    name: "keys_unreadable",
    words: "API keys cannot be looked up",
    over: "API keys are looked up again",
    causes: ["not_prepared", "database_out", "reads_out"],
    endAfterMs: 60_000,
    look: ({ streaks: { keyLookups }, ...signs }, { now }) => {
      const { failures, lastAt, reason } = keyLookups;
      if (!failsOn(keyLookups, signs.database()) || now - (lastAt ?? 0) > LOOKUP_MS) return null;
      const detail = `${reason}; callers whose key this instance does not know are turned away`;
      return { detail, counts: { failedLookups: failures } };
    },
  },
];

/** True when the work has failed twice since the database was back. */
export function failsOn(work: Streak, { backAt }: DatabaseSigns): boolean {
  return work.beforeLastAt !== null && (backAt === null || work.beforeLastAt > backAt);
}

/** True when a batch was committed after the latest read that was answered. */
function commitsGoOn({ streaks: { batches }, ...signs }: Signs): boolean {
  const { answeredAt } = signs.database();
  return (batches.succeededAt ?? -Infinity) > (answeredAt ?? -Infinity);
}
