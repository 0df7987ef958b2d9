/**
 * The identity of the database: its cluster, its own number in it, the timeline of its log, and the
 * start of its server. An epoch is begun on one identity. When it is another one now, versions may
 * have been given out that this database does not know.
 *
 * A role may be forbidden to ask for cluster and timeline. Then the weak identity does without them.
 * It still tells a copy that was restored and a standby that was promoted, because each of them runs
 * on a server with a start of its own.
 *
 * Tested in tests/sql/figures/identity_test.ts.
 */
import type { Sql, Tx } from "../connection/driver.ts";
import type { Pool } from "../connection/database.ts";

export type IdentityKind = "full" | "weak";

/** The place to select `identity`, `timeline` and `started_at` from. */
export function identityOf(sql: Sql | Tx, kind: IdentityKind) {
  if (kind === "full") return sql.unsafe("database_identity");
  return sql.unsafe(`(
    SELECT '?/' || oid AS identity, 0::bigint AS timeline, pg_postmaster_start_time() AS started_at
    FROM pg_database WHERE datname = current_database())`);
}

/** The condition that the epoch `e` began on the identity `i`. */
export function isSameDatabase(sql: Sql | Tx, kind: IdentityKind) {
  const sameStart = "e.started_at IS NOT DISTINCT FROM i.started_at";
  return kind === "full"
    ? sql.unsafe(`e.identity = i.identity AND e.timeline = i.timeline AND ${sameStart}`)
    : sql.unsafe(
      `split_part(e.identity, '/', 2) = split_part(i.identity, '/', 2) AND ${sameStart}`,
    );
}

/** Reads the full identity. @throws what the driver throws, also when this role may not */
export async function checkIdentity(pool: Pool): Promise<true> {
  await pool.run((sql) => sql`SELECT FROM database_identity`);
  return true;
}
