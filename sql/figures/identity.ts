/**
 * The identity of the database: its cluster, its own number in it, the timeline of its log, and the
 * start of its server. An epoch is begun on one identity. When it is another one now, versions may
 * have been given out that this database does not know.
 *
 * A role may be forbidden to ask for cluster and timeline, and some servers, such as Aurora, tell them
 * to nobody. Then the weak identity does without them. It still tells a copy that was restored and a
 * standby that was promoted, because each of them runs on a server with a start of its own. It cannot
 * tell that a running server's disks were set back under it, unless an instance remembers newer
 * figures.
 *
 * Tested in tests/sql/figures/identity_test.ts.
 */
import type { Sql, Tx } from "../connection/driver.ts";
import type { Pool } from "../connection/database.ts";
import { isWithheld } from "../connection/failure.ts";

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

/** Gets the server's refusal when it withholds the identity, and null when it tells it. */
export type IdentityListener = (refusal: unknown) => void;

/** Where the identity is withheld, it is asked for again after this time. */
const ASK_AGAIN_MS = 60_000;

/** Until when each pool does without the full identity, by `performance.now()`. */
const weakUntil = new WeakMap<Pool, number>();

/**
 * Runs `use` with as much of the identity as the server tells the role of the pool.
 * @throws what `use` throws
 */
export async function withIdentity<T>(
  pool: Pool,
  use: (kind: IdentityKind) => Promise<T>,
  onAsked: IdentityListener = () => undefined,
): Promise<T> {
  if (performance.now() < (weakUntil.get(pool) ?? 0)) return await use("weak");
  try {
    const done = await use("full");
    onAsked(null);
    return done;
  } catch (error) {
    const refusal = isWithheld(error) ? await pool.run(refusalOf) : null;
    if (refusal === null) throw error; // something else is withheld
    weakUntil.set(pool, performance.now() + ASK_AGAIN_MS);
    onAsked(refusal);
    return await use("weak");
  }
}

/** The identity that the server tells the role of `sql`. @throws what the driver throws */
export async function identityKindOf(sql: Sql): Promise<IdentityKind> {
  return await refusalOf(sql) === null ? "full" : "weak";
}

async function refusalOf(sql: Sql): Promise<unknown> {
  try {
    await sql`SELECT identity, timeline, started_at FROM database_identity`;
    return null;
  } catch (error) {
    if (isWithheld(error)) return error;
    throw error;
  }
}
