/**
 * The number of open dead letters, counted every few seconds for places that cannot wait for it.
 *
 * Tested in tests/server/router/ops_test.ts.
 */
import { ruleInWords } from "../../client/contract/broken_rule.ts";
import { isMissingTable } from "../../sql/connection/failure.ts";
import type { Pool } from "../../sql/connection/database.ts";
import { countOpenLetters, type OpenLetters } from "../../sql/orders/dead_letters.ts";
import { every } from "../every.ts";
import type { Hints } from "../telemetry/hints.ts";

const COUNT_EVERY_MS = 2_000;

export interface LetterCount {
  /** At the latest count; 0 before the first. */
  open(): number;
  /** The rule of the open letter that failed last, in words; null when there is none. */
  readonly latestRule: () => string | null;
  stop(): Promise<void>;
}

/** Starts counting, at once. A count that fails leaves the number as it is. */
export function startLetterCount(pool: Pool, hints: Hints): LetterCount {
  let latest: OpenLetters = { count: 0, latestRule: null };
  let hasCounted = false;
  const count = async () => {
    try {
      const counted = await countOpenLetters(pool);
      hasCounted = true;
      return counted;
    } catch (error) {
      // Before the first migration there is no table to count in.
      if (!hasCounted && isMissingTable(error)) return null;
      throw error;
    }
  };
  const counting = every(COUNT_EVERY_MS, async () => {
    latest = await hints.run("letter count", count) ?? latest;
  });
  counting.now();
  return {
    open: () => latest.count,
    latestRule: () => latest.latestRule === null ? null : ruleInWords(latest.latestRule),
    stop: () => counting.stop(),
  };
}
