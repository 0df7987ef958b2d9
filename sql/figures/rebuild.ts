/**
 * The rebuild makes all rollups again from the orders, while orders come in. The result is exact by
 * construction.
 *
 * The rebuild holds the fold's lock. One REPEATABLE READ transaction deletes the journal rows that
 * it sees, recounts the orders that it sees, and begins the next epoch. A batch that commits
 * meanwhile is in neither of the two, and waits in the journal for the next fold. Dashboards read
 * the old rollups until the transaction commits.
 *
 * The session takes the lock before the transaction begins. Otherwise the transaction's snapshot
 * could be older than the lock, and a fold could run between the two. A process that hangs in the
 * middle loses the lock and the transaction within a second.
 */
import { codeOf } from "../connection/failure.ts";
import { SQLSTATE } from "../connection/failure/codes.ts";
import { withSession } from "../connection/session.ts";
import type { Tx } from "../connection/database.ts";
import { beginEpoch, FOLD_LOCK } from "./fold.ts";
import { type IdentityKind, identityKindOf } from "./identity.ts";
import { ALL_STORES } from "./journal.ts";
import { noticeOf, notify } from "./notices.ts";
import type { Position } from "./position.ts";
import { sumsOfLines, sumsOfOrders } from "./recount.ts";
import { minuteHorizon } from "./retention.ts";
import { takeSessionLock } from "../connection/session_lock.ts";

const CONNECT_TIMEOUT_MS = 10_000;
const LOCK_TIMEOUT_MS = 60_000;
/** An attempt fails when outdated rows are deleted meanwhile. The next one does without them. */
const ATTEMPTS = 5;

export interface Rebuilt extends Position {
  /** How many orders were recounted. */
  readonly orders: number;
  /** True when all instances were notified. Else they see the rebuild at their next check. */
  readonly notified: boolean;
}

/** Folds held the lock for too long, or the session was lost and the lock with it. */
export class RebuildLocked extends Error {
  constructor() {
    super("the fold's lock was not to be had, or was lost: run it again");
    this.name = "RebuildLocked";
  }
}

/**
 * Rebuilds all rollups.
 * @throws RebuildLocked or what the driver throws; then nothing has changed
 */
export async function rebuildRollups({ databaseUrl }: { databaseUrl: string }): Promise<Rebuilt> {
  const options = {
    url: databaseUrl,
    name: "rebuild",
    connectTimeoutMs: CONNECT_TIMEOUT_MS,
    settings: { idle_in_transaction_session_timeout: "1000", idle_session_timeout: "1000" },
  };
  return await withSession(options, async (sql, session) => {
    if (!await takeSessionLock(session, FOLD_LOCK, LOCK_TIMEOUT_MS)) throw new RebuildLocked();
    const identity = await identityKindOf(sql);
    for (let attempt = 1;; attempt++) {
      // The clock is read before the snapshot: every order committed before `as_of` is in it.
      const [clock] = await sql<{ as_of: string; now: Date }[]>`
        SELECT clock_timestamp()::text AS as_of, clock_timestamp() AS now`;
      if (clock === undefined) throw new Error("a SELECT without FROM returned no row");
      try {
        const counted = await sql.begin(
          "isolation level repeatable read",
          (tx) => recountAll(tx, clock.as_of, minuteHorizon(clock.now), identity),
        );
        const { epoch, version } = counted;
        const notice = noticeOf({ epoch, version, scopes: "all", writtenAt: null });
        const notifying = notify(sql, [JSON.stringify(notice)]);
        return { ...counted, notified: await notifying.then(() => true, () => false) };
      } catch (error) {
        const again = codeOf(error) === SQLSTATE.serializationFailure && attempt < ATTEMPTS;
        if (!again) throw error;
      }
    }
  });
}

type Counted = Omit<Rebuilt, "notified">;

async function recountAll(
  tx: Tx,
  asOf: string,
  horizon: string,
  identity: IdentityKind,
): Promise<Counted> {
  const [held] = await tx<{ lock: boolean }[]>`
    SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND granted
                     AND pid = pg_backend_pid() AND objid = ${FOLD_LOCK}) AS lock`;
  if (held?.lock !== true) throw new RebuildLocked();
  const [before] = await tx<{ version: string }[]>`
    SELECT coalesce(max(version), 0) AS version FROM scope_versions`;
  const version = Number(before?.version) + 1;
  await tx`DELETE FROM journal`;
  await tx`DELETE FROM journal_sums`;
  for (const table of ["rollup_minutes", "rollup_days", "rollup_products", "scope_versions"]) {
    await tx`DELETE FROM ${tx(table)}`;
  }
  await insertMinutes(tx, version, horizon);
  await insertDays(tx, version);
  await insertProducts(tx, version);
  await tx`
    INSERT INTO scope_versions (scope, version, as_of)
    SELECT scope, ${version}::bigint, ${asOf}::text::timestamptz
    FROM (SELECT scope FROM rollup_days UNION SELECT ${ALL_STORES}) AS s`;
  const epoch = await beginEpoch(tx, 0, identity);
  const [counted] = await tx<{ orders: string }[]>`SELECT count(*) AS orders FROM orders`;
  return { epoch, version, orders: Number(counted?.orders) };
}

/** Each group of orders counts for its store, and once more for all stores together. */
function scopeOf(tx: Tx) {
  return tx`CASE WHEN grouping(store_id) = 1 THEN ${ALL_STORES} ELSE store_id END`;
}

async function insertMinutes(tx: Tx, version: number, horizon: string): Promise<void> {
  await tx`
    INSERT INTO rollup_minutes (scope, currency, minute, version, orders, units, revenue_minor,
                                cancelled_orders, cancelled_revenue_minor)
    SELECT ${scopeOf(tx)}, currency, minute, ${version}::bigint, ${sumsOfOrders(tx)}
    FROM (SELECT *, date_trunc('minute', placed_at, 'UTC') AS minute FROM orders) AS o
    WHERE minute >= ${horizon}
    GROUP BY GROUPING SETS ((store_id, currency, minute), (currency, minute))`;
}

async function insertDays(tx: Tx, version: number): Promise<void> {
  await tx`
    INSERT INTO rollup_days (scope, currency, day, version, orders, units, revenue_minor,
                             cancelled_orders, cancelled_revenue_minor)
    SELECT ${scopeOf(tx)}, currency, day, ${version}::bigint, ${sumsOfOrders(tx)}
    FROM (SELECT *, (placed_at AT TIME ZONE 'UTC')::date AS day FROM orders) AS o
    GROUP BY GROUPING SETS ((store_id, currency, day), (currency, day))`;
}

async function insertProducts(tx: Tx, version: number): Promise<void> {
  await tx`
    INSERT INTO rollup_products (scope, currency, day, sku, version, units, revenue_minor)
    SELECT ${scopeOf(tx)}, currency, day, sku, ${version}::bigint, ${sumsOfLines(tx)}
    FROM (SELECT store_id, currency, (placed_at AT TIME ZONE 'UTC')::date AS day, line,
                 line->>'sku' AS sku
          FROM orders, jsonb_array_elements(lines) AS line WHERE cancelled_at IS NULL) AS l
    GROUP BY GROUPING SETS ((store_id, currency, day, sku), (currency, day, sku))`;
}
