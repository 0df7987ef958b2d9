/**
 * An advisory lock of a session: one session holds it at a time. PostgreSQL releases the lock when
 * the session ends, for any reason. Tested in tests/sql/migrate_test.ts.
 */
import type { Sql } from "./driver.ts";

const POLL_MS = 20;

/**
 * Takes the lock by polling. A session that waited for it would hold a snapshot open, and a CREATE
 * INDEX CONCURRENTLY of the lock's holder would wait for that snapshot: a deadlock.
 * @returns false when the lock did not come free in time.
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
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
  return false;
}
