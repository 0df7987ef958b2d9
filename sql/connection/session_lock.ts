/**
 * An advisory lock that a session holds until it ends, for whatever reason it ends.
 *
 * Tested in tests/sql/migrate_test.ts and tests/sql/figures/rebuild_test.ts.
 */
import { UnfitSession } from "./set_up.ts";
import type { Session } from "./session.ts";
import { pause } from "../waiting.ts";

const POLL_MS = 20;

/**
 * Takes the lock. It polls: a session that waits for a lock holds a snapshot open, and a CREATE INDEX
 * CONCURRENTLY of the lock's holder waits for all snapshots. The two would wait for each other.
 * @returns false when the lock did not come free in time
 * @throws UnfitSession when a pooler shares the session out: the lock would stay with a stranger
 */
export async function takeSessionLock(
  { sql, isShared }: Session,
  key: number,
  timeoutMs: number,
): Promise<boolean> {
  if (isShared) {
    throw new UnfitSession(
      "a pooler shares the database's sessions out, and this needs one of its own: " +
        "set WEIR_DIRECT_DATABASE_URL to the address of the server itself",
    );
  }
  const begunAt = performance.now();
  while (performance.now() - begunAt < timeoutMs) {
    const [row] = await sql<{ got: boolean }[]>`SELECT pg_try_advisory_lock(${key}) AS got`;
    if (row?.got === true) return true;
    await pause(POLL_MS);
  }
  return false;
}
