/**
 * The rollups grow by a fold's deltas, inside the fold's transaction.
 *
 * No row is ever updated. The new version is inserted, and the old version is deleted by its full
 * key. A row's newest version is the last entry of its key in the primary key's index. So reading
 * it stays cheap even when an old snapshot keeps many dead versions.
 *
 * Tested in tests/sql/figures/fold_test.ts.
 */
import {
  ALL_STORES,
  type AsOf,
  type DayDelta,
  type Deltas,
  type MinuteDelta,
  type ProductDelta,
  type Sums,
} from "./journal.ts";
import type { Tx } from "../connection/database.ts";

/** Adds `deltas` as version `version` and marks their scopes with it. */
export async function addToRollups(tx: Tx, deltas: Deltas, version: string, asOf: AsOf) {
  await Promise.all([ // the one connection sends them together and runs them in turn
    addMinutes(tx, deltas.minutes, version),
    addDays(tx, deltas.days, version),
    addProducts(tx, deltas.products, version),
    markScopes(tx, deltas.scopes, version, asOf),
  ]);
}

/** Replaces the version of each scope. */
export async function markScopes(
  tx: Tx,
  scopes: readonly string[],
  version: string,
  asOf: AsOf,
): Promise<void> {
  await tx`
    WITH marked AS (SELECT unnest(${[...scopes]}::text[]) COLLATE "C" AS scope),
    gone AS (
      DELETE FROM scope_versions s USING marked m,
        LATERAL (SELECT version, as_of FROM scope_versions b WHERE b.scope = m.scope
                 ORDER BY version DESC, as_of DESC LIMIT 1) AS before
      WHERE s.scope = m.scope AND s.version = before.version AND s.as_of = before.as_of
    )
    INSERT INTO scope_versions (scope, version, as_of, stores_as_of)
    SELECT scope, ${version}::bigint, ${asOf.all}::text::timestamptz,
           CASE WHEN scope = ${ALL_STORES} THEN ${asOf.stores}::text::timestamptz END
    FROM marked`;
}

function addMinutes(tx: Tx, deltas: readonly MinuteDelta[], version: string) {
  return addWindow(tx, { table: "rollup_minutes", key: "minute", type: "timestamptz[]" }, {
    deltas,
    keys: deltas.map((delta) => delta.minute),
    version,
  });
}

function addDays(tx: Tx, deltas: readonly DayDelta[], version: string) {
  return addWindow(tx, { table: "rollup_days", key: "day", type: "date[]" }, {
    deltas,
    keys: deltas.map((delta) => delta.day),
    version,
  });
}

/** A table of sums per scope, currency and span of time. No caller chooses its names. */
interface WindowTable {
  readonly table: "rollup_minutes" | "rollup_days";
  readonly key: "minute" | "day";
  readonly type: "timestamptz[]" | "date[]";
}

interface WindowDeltas {
  readonly deltas: readonly (MinuteDelta | DayDelta)[];
  readonly keys: readonly string[];
  readonly version: string;
}

async function addWindow(
  tx: Tx,
  names: WindowTable,
  { deltas, keys, version }: WindowDeltas,
): Promise<void> {
  const [table, key, type] = [tx(names.table), tx(names.key), tx.unsafe(names.type)];
  await tx`
    WITH delta AS (
      SELECT * FROM unnest(
        ${deltas.map((delta) => delta.scope)}::text[],
        ${deltas.map((delta) => delta.currency)}::text[],
        ${[...keys]}::${type},
        ${sums(deltas, "orders")}::bigint[], ${sums(deltas, "units")}::numeric[],
        ${sums(deltas, "revenueMinor")}::numeric[], ${sums(deltas, "cancelledOrders")}::bigint[],
        ${sums(deltas, "cancelledRevenueMinor")}::numeric[]
      ) AS d (scope, currency, ${key}, orders, units, revenue_minor, cancelled_orders,
              cancelled_revenue_minor)
    ), sums AS (
      SELECT d.scope, d.currency, d.${key}, before.version,
             d.orders + coalesce(before.orders, 0) AS orders,
             d.units + coalesce(before.units, 0) AS units,
             d.revenue_minor + coalesce(before.revenue_minor, 0) AS revenue_minor,
             d.cancelled_orders + coalesce(before.cancelled_orders, 0) AS cancelled_orders,
             d.cancelled_revenue_minor + coalesce(before.cancelled_revenue_minor, 0)
               AS cancelled_revenue_minor
      FROM delta d LEFT JOIN LATERAL (
        SELECT * FROM ${table} r
        WHERE r.scope = d.scope AND r.currency = d.currency AND r.${key} = d.${key}
        ORDER BY r.version DESC LIMIT 1
      ) AS before ON true
    ), gone AS (
      DELETE FROM ${table} r USING sums s
      WHERE r.scope = s.scope AND r.currency = s.currency AND r.${key} = s.${key}
        AND r.version = s.version
    )
    INSERT INTO ${table} (scope, currency, ${key}, version, orders, units, revenue_minor,
                          cancelled_orders, cancelled_revenue_minor)
    SELECT scope, currency, ${key}, ${version}::bigint, orders, units, revenue_minor,
           cancelled_orders, cancelled_revenue_minor FROM sums`;
}

async function addProducts(tx: Tx, deltas: readonly ProductDelta[], version: string) {
  await tx`
    WITH delta AS (
      SELECT * FROM unnest(
        ${deltas.map((delta) => delta.scope)}::text[],
        ${deltas.map((delta) => delta.currency)}::text[],
        ${deltas.map((delta) => delta.day)}::date[], ${deltas.map((delta) => delta.sku)}::text[],
        ${sums(deltas, "units")}::numeric[], ${sums(deltas, "revenueMinor")}::numeric[]
      ) AS d (scope, currency, day, sku, units, revenue_minor)
    ), sums AS (
      SELECT d.scope, d.currency, d.day, d.sku, before.version,
             before.revenue_minor AS revenue_minor_before,
             d.units + coalesce(before.units, 0) AS units,
             d.revenue_minor + coalesce(before.revenue_minor, 0) AS revenue_minor
      FROM delta d LEFT JOIN LATERAL (
        SELECT * FROM rollup_products r
        WHERE r.scope = d.scope AND r.currency = d.currency AND r.day = d.day AND r.sku = d.sku
        ORDER BY r.version DESC LIMIT 1
      ) AS before ON true
    ), gone AS (
      DELETE FROM rollup_products r USING sums s
      WHERE r.scope = s.scope AND r.currency = s.currency AND r.day = s.day AND r.sku = s.sku
        AND r.version = s.version
        AND r.revenue_minor = s.revenue_minor_before -- finds the row by either index
    )
    INSERT INTO rollup_products (scope, currency, day, sku, version, units, revenue_minor)
    SELECT scope, currency, day, sku, ${version}::bigint, units, revenue_minor FROM sums`;
}

type SumName = keyof Sums;

function sums<Name extends SumName>(
  deltas: readonly Readonly<Record<Name, bigint>>[],
  name: Name,
): string[] {
  return deltas.map((delta) => delta[name].toString());
}
