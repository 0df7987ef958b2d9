/**
 * An advisory lock of a session, taken in turns with other sessions. It is given back when the
 * session ends, however that comes about.
 */
import type { Sql } from "./driver.ts";
import { pause } from "../waiting.ts";

const POLL_MS = 20;

/**
 * Polls rather than waits: a session that waits for a lock holds a snapshot open, which a CREATE
 * INDEX CONCURRENTLY of the lock's holder would wait for in turn.
 * @returns false when it was not to be had in time.
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
