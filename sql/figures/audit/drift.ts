/**
 * Compares the rollups of one bucket with a recount, inside PostgreSQL.
 *
 * Only differences come back. A store may sell a hundred thousand products a day, and to compare
 * them here would keep every other caller of the process waiting for a second.
 * Tested in tests/sql/figures/audit/audit_test.ts.
 */
import type { Drift } from "../../../client/contract/ops_runs.ts";
import type { Tx } from "../../connection/database.ts";
import { ALL_STORES } from "../journal.ts";
import { pendingProducts, pendingSums } from "./pending.ts";
import { recountProducts, recountWindow, type Window } from "../recount.ts";

/** A day of a store, or one of its minutes. */
export interface Bucket {
  readonly kind: "minute" | "day";
  readonly storeId: string;
  /** As a drift has it. */
  readonly name: string;
  readonly window: Window;
}

/** A part of a statement. */
type Fragment = ReturnType<typeof recountWindow>;

/** The columns that are compared. A recount of products has the two of every product. */
const OF_ORDERS = [
  "orders",
  "units",
  "revenue_minor",
  "cancelled_orders",
  "cancelled_revenue_minor",
] as const;
const OF_PRODUCTS = ["units", "revenue_minor"] as const;

/** The most differences that one comparison names. */
const MAX_DRIFTS = 100;

/** Holds a store's rollups and its pending folds against its orders. */
export async function driftOfStore(tx: Tx, bucket: Bucket): Promise<Drift[]> {
  const { kind, storeId, name, window } = bucket;
  const drifted = await compare(tx, { scope: storeId, name, columns: OF_ORDERS }, {
    expected: recountWindow(tx, storeId, window),
    found: tx`${rollups(tx, bucket, storeId)} UNION ALL ${pendingSums(tx, storeId, window)}`,
  });
  if (kind === "minute") return drifted;
  const products = await compare(tx, { scope: storeId, name, columns: OF_PRODUCTS }, {
    expected: recountProducts(tx, storeId, window),
    found: tx`
      SELECT currency, sku, units, revenue_minor FROM rollup_products
      WHERE scope = ${storeId} AND day = ${name}
        AND currency IN (SELECT currency FROM rollup_days WHERE scope = ${storeId})
      UNION ALL ${pendingProducts(tx, storeId, name)}`,
  });
  return [...drifted, ...products];
}

/**
 * Holds the rollups of all stores together against those of each store. Pending folds count for
 * both alike, so they make no difference. The products of `*` cannot be compared with those of each
 * store: their sum is held against the day.
 */
export async function driftOfAllStores(tx: Tx, bucket: Bucket): Promise<Drift[]> {
  const { kind, name } = bucket;
  const drifted = await compare(tx, { scope: ALL_STORES, name, columns: OF_ORDERS }, {
    expected: rollups(tx, bucket, null),
    found: rollups(tx, bucket, ALL_STORES),
  });
  if (kind === "minute") return drifted;
  const products = await compare(tx, { scope: ALL_STORES, name, columns: OF_PRODUCTS }, {
    expected: tx`
      SELECT currency, ${ALL_STORES} AS sku, units, revenue_minor FROM rollup_days
      WHERE scope = ${ALL_STORES} AND day = ${name}`,
    found: tx`
      SELECT currency, ${ALL_STORES} AS sku, units, revenue_minor FROM rollup_products
      WHERE scope = ${ALL_STORES} AND day = ${name}
        AND currency IN (SELECT currency FROM rollup_days WHERE scope = ${ALL_STORES})`,
  });
  return [...drifted, ...products];
}

/** The rollups of a bucket in `scope`, or in every store when `scope` is null. */
function rollups(tx: Tx, { kind, name, window }: Bucket, scope: string | null): Fragment {
  const [table, key, at] = kind === "minute"
    ? [tx("rollup_minutes"), tx("minute"), window.from]
    : [tx("rollup_days"), tx("day"), name];
  return tx`
    SELECT currency, NULL AS sku, orders, units, revenue_minor, cancelled_orders,
           cancelled_revenue_minor
    FROM ${table} WHERE ${key} = ${at}
      AND ${scope === null ? tx`scope <> ${ALL_STORES}` : tx`scope = ${scope}`}`;
}

interface Compared {
  readonly scope: string;
  readonly name: string;
  readonly columns: readonly string[];
}

type Difference = Pick<Drift, "currency" | "sku"> & Readonly<Record<string, string | null>>;

/** Adds up both sides by currency and product, and returns where they differ. */
async function compare(
  tx: Tx,
  { scope, name, columns }: Compared,
  { expected, found }: { readonly expected: Fragment; readonly found: Fragment },
): Promise<Drift[]> {
  const each = (write: (column: string) => string, separator: string) =>
    tx.unsafe(columns.map(write).join(separator));
  const rows = await tx<Difference[]>`
    SELECT currency, sku,
           ${each((name) => `sum(${name}) FILTER (WHERE side > 0) AS expected_${name}`, ", ")},
           ${each((name) => `sum(${name}) FILTER (WHERE side < 0) AS found_${name}`, ", ")}
    FROM (
      SELECT 1 AS side, currency COLLATE "C" AS currency, sku COLLATE "C" AS sku,
             ${each((name) => name, ", ")} FROM (${expected}) AS expected
      UNION ALL
      SELECT -1, currency COLLATE "C", sku COLLATE "C",
             ${each((name) => name, ", ")} FROM (${found}) AS found
    ) AS sides
    GROUP BY currency, sku
    HAVING ${each((name) => `sum(side * ${name}) <> 0`, " OR ")}
    ORDER BY currency, sku LIMIT ${MAX_DRIFTS}`;
  return rows.map((row) => ({
    scope,
    bucket: name,
    currency: row.currency,
    sku: row.sku,
    expected: sumsOf(row, "expected", columns),
    found: sumsOf(row, "found", columns),
  }));
}

/** The sums of one side by name, sorted. Zero sums are left out. */
function sumsOf(row: Difference, side: string, columns: readonly string[]): Drift["expected"] {
  return Object.fromEntries(
    columns.toSorted().flatMap((name) => {
      const sum = row[`${side}_${name}`] ?? "0";
      return sum === "0" ? [] : [[name, sum]];
    }),
  );
}
