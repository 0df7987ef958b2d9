/**
 * An advisory lock that a session holds until it ends, for whatever reason it ends.
 *
 * Tested in tests/sql/migrate_test.ts and tests/sql/figures/rebuild_test.ts.
 */
import type { Sql } from "./driver.ts";
import { pause } from "../waiting.ts";

const POLL_MS = 20;

/**
 * Takes the lock. It polls: a session that waits for a lock holds a snapshot open, and a CREATE INDEX
 * CONCURRENTLY of the lock's holder waits for all snapshots. The two would wait for each other.
 * @returns false when the lock did not come free in time
 */
export async function takeSessionLock(
  sql: Sql,
  key: number,
  timeoutMs: number,
): Promise<boolean> {
  const begunAt = performance.now();
  while (performance.now() - begunAt < timeoutMs) {
    const [row] = await sql<{ got: boolean }[]>`SELECT pg_try_advisory_lock(${key}) AS got`;
    if (row?.got === true) return true;
    await pause(POLL_MS);
  }
  return false;
}
