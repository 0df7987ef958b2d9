/**
 * The audit compares random buckets of the rollups with a recount of their orders.
 *
 * A bucket is one day of a store, or one minute that is over. An audit reads everything in one
 * snapshot of the database, and entries that are still in the journal count as folded. So every
 * difference is drift, and never a fold that has not come yet. The rollups of `*` for the same
 * minute or day must be the sum of the rollups of all stores. Minutes past their horizon are not
 * checked.
 */
import type { AuditReport, Drift } from "../../../client/contract/ops_runs.ts";
import type { Pool, Tx } from "../../connection/database.ts";
import { type Bucket, driftOfAllStores, driftOfStore } from "./drift.ts";
import { ALL_STORES } from "../journal.ts";
import { isReadable } from "./pending.ts";
import { MINUTES_KEPT_HOURS } from "../retention.ts";
import { DAY_MS, dayOf, iso, MINUTE_MS, minuteOf } from "../../time.ts";

/** The name of a bucket in a scope, as a drift has it. */
export type BucketName = Pick<Drift, "scope" | "bucket">;

/**
 * Checks `buckets` random buckets.
 * @param again buckets to check besides, unless their time is over.
 * @throws what the driver throws
 */
export function auditRollups(
  pool: Pool,
  buckets: number,
  random: () => number = Math.random,
  again: readonly BucketName[] = [],
): Promise<AuditReport> {
  return pool.transaction(async (tx) => {
    if (!await isReadable(tx, buckets + again.length)) {
      return { checked: 0, drifted: [], skipped: "journal" };
    }
    const checked = new Set<string>();
    const drifted: Drift[] = [];
    const check = async (bucket: Bucket, scope: string) => {
      if (checked.has(`${scope} ${bucket.name}`)) return;
      checked.add(`${scope} ${bucket.name}`);
      const found = scope === ALL_STORES
        ? await driftOfAllStores(tx, bucket)
        : await driftOfStore(tx, bucket);
      drifted.push(...found);
    };
    for (const { scope, bucket } of await stillKept(tx, again)) {
      const kind = bucket.length === DAY_LENGTH ? "day" : "minute";
      await check(bucketAt(kind, scope, new Date(bucket)), scope);
    }
    for (const storeId of await pickStores(tx, buckets)) {
      const bucket = await pickBucket(tx, storeId, random);
      if (bucket === null) continue;
      await check(bucket, storeId);
      await check(bucket, ALL_STORES);
    }
    return { checked: checked.size, drifted };
  }, "isolation level repeatable read read only");
}

/** The length of `2026-11-22`; the name of a minute is longer. */
const DAY_LENGTH = 10;

/** The buckets without the minutes that are past their horizon. */
async function stillKept(tx: Tx, buckets: readonly BucketName[]): Promise<readonly BucketName[]> {
  if (buckets.length === 0) return buckets;
  const [row] = await tx<{ since: Date }[]>`
    SELECT now() - make_interval(hours => ${MINUTES_KEPT_HOURS - 1}) AS since`;
  const since = row === undefined ? "" : iso(row.since);
  return buckets.filter(({ bucket }) => bucket.length === DAY_LENGTH || bucket > since);
}

/** `count` random stores. Stores repeat when there are fewer. */
async function pickStores(tx: Tx, count: number): Promise<string[]> {
  const rows = await tx<{ scope: string }[]>`
    SELECT scope FROM (SELECT DISTINCT scope FROM scope_versions) AS s
    WHERE scope <> ${ALL_STORES} ORDER BY random() LIMIT ${count}`;
  if (rows.length === 0) return [];
  return Array.from({ length: count }, (_, index) => rows[index % rows.length]!.scope);
}

/**
 * A random minute that is over, or a random day. Half of the picks prefer a bucket with orders and
 * half prefer one with rollups, so that rollups without orders are found as well. Null when the
 * store has neither.
 */
async function pickBucket(tx: Tx, storeId: string, random: () => number): Promise<Bucket | null> {
  const isMinute = random() < 0.5;
  const [row] = await tx<{ of_orders: Date | null; of_rollups: Date | null }[]>`
    WITH clock AS (
      SELECT CASE WHEN ${isMinute} THEN date_trunc('minute', now(), 'UTC') ELSE now() END AS until,
             CASE WHEN ${isMinute} THEN now() - make_interval(hours => ${MINUTES_KEPT_HOURS - 1})
                  ELSE '-infinity' END AS since
    ), bounds AS ( -- two look-ups in an index: a store may have very many orders
      SELECT (SELECT placed_at FROM orders
              WHERE store_id = ${storeId} AND placed_at >= since AND placed_at < until
              ORDER BY placed_at, order_id LIMIT 1) AS first,
             (SELECT placed_at FROM orders
              WHERE store_id = ${storeId} AND placed_at >= since AND placed_at < until
              ORDER BY placed_at DESC, order_id DESC LIMIT 1) AS last
      FROM clock
    )
    SELECT (SELECT placed_at FROM orders
            WHERE store_id = ${storeId} AND placed_at >= first
              AND placed_at <= first + (last - first) * ${random()}::float8
            ORDER BY placed_at DESC LIMIT 1) AS of_orders,
           CASE WHEN ${isMinute}
             THEN (SELECT minute FROM rollup_minutes, clock
                   WHERE scope = ${storeId} AND minute >= since AND minute < until
                   ORDER BY random() LIMIT 1)
             ELSE (SELECT day::timestamp AT TIME ZONE 'UTC' FROM rollup_days
                   WHERE scope = ${storeId} ORDER BY random() LIMIT 1)
           END AS of_rollups
    FROM bounds`;
  const [first, second] = random() < 0.5
    ? [row?.of_orders, row?.of_rollups]
    : [row?.of_rollups, row?.of_orders];
  const at = first ?? second ?? null;
  return at === null ? null : bucketAt(isMinute ? "minute" : "day", storeId, at);
}

function bucketAt(kind: Bucket["kind"], storeId: string, at: Date): Bucket {
  const name = kind === "minute" ? minuteOf(at) : dayOf(iso(at));
  const from = Date.parse(name);
  const window = { from: iso(from), to: iso(from + (kind === "minute" ? MINUTE_MS : DAY_MS)) };
  return { kind, storeId, name, window };
}
