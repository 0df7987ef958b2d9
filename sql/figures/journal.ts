/**
 * The journal: the rows that a fold takes, and the delta that they make for each rollup row.
 *
 * A row has two lists, and each list has one array for each of its columns. The first list has the
 * sums of a batch per store, currency and minute. The second list has its sums per store, currency,
 * day and product. Every sum counts for its store and for the scope `*`. The lists stand in a table
 * of their own under the row's id; 0008_journal_sums.sql says why. Sums are `bigint` here, because
 * sums over orders may pass the largest exact number.
 */
import type { Tx } from "../connection/driver.ts";
import { dayOf, iso } from "../time.ts";

/**
 * The layout of the rows that this version writes. It also reads older rows, and leaves newer ones.
 */
export const JOURNAL_FORMAT = 2;

/** The scope of all stores together. No store may have this name. */
export const ALL_STORES = "*";

/** One journal row with its lists. The lists of each half have equal lengths. */
export interface JournalRow {
  readonly written_at: Date;
  readonly orders: string;
  readonly store_ids: readonly string[];
  readonly currencies: readonly string[];
  /** As PostgreSQL writes a timestamp. */
  readonly minutes: readonly string[];
  readonly order_counts: readonly string[];
  readonly units: readonly string[];
  readonly revenue_minor: readonly string[];
  readonly cancelled_orders: readonly string[];
  readonly cancelled_revenue_minor: readonly string[];
  readonly product_store_ids: readonly string[];
  readonly product_currencies: readonly string[];
  /** `YYYY-MM-DD`. */
  readonly product_days: readonly string[];
  readonly product_skus: readonly string[];
  readonly product_units: readonly string[];
  readonly product_revenue_minor: readonly string[];
}

/** A row as it stands in the journal. A row of format 1 holds its lists itself. */
type JournalEntry = Pick<JournalRow, "written_at" | "orders"> & { readonly batch_id: string };

/** The lists of a row of format 2. */
type JournalLists = Omit<JournalRow, "written_at" | "orders"> & { readonly batch_id: string };

/**
 * The size of a row in entries. A row that an older version of Weir wrote has no number of entries.
 * Its number of orders stands in.
 */
export const ENTRIES = "coalesce(entries, greatest(orders, 1))";

/** The most rows among which a fold chooses. Sorting so many takes about 20 ms. */
const MAX_SEEN_ROWS = 20_000;

/** The instants up to which figures are exact, as PostgreSQL writes a timestamp. */
export interface AsOf {
  /** For all stores together. */
  readonly all: string;
  /** For each store that has no row of its own in the journal. Not before `all`. */
  readonly stores: string;
}

/** The rows that one fold takes. */
export interface Bite {
  readonly rows: readonly JournalRow[];
  /** True when the journal held more rows that could be taken. */
  readonly more: boolean;
  /** The instants after the fold, unless rows of a newer format wait. */
  readonly asOf: AsOf;
}

/**
 * Deletes rows and returns them. Together they have at most `mostEntries` entries, but at least one
 * row is taken. Rows of a format not known here stay.
 *
 * Each store gets its turn. The rows that stores share come first, up to half of the bite. The rest
 * goes to the stores with rows of their own, and to shared rows past the half: from each the oldest
 * row, then from each the next one. A store's row comes later the more entries of that store come
 * before it. What one store does not need, others get. A cancellation stays as long as an older row
 * stays that may hold its order, so that no store shows fewer orders than none.
 *
 * An order that was committed before the oldest row that stays was written is in the figures. So
 * `asOf` moves on to that row even while many wait.
 *
 * Keys are passed as arrays, and rows get their lists here, so that PostgreSQL has no join to plan.
 * When a table holds only dead rows, ANALYZE rates every plan for it as equally cheap.
 * @param now the clock before this call @param before the instants of the last fold
 */
export async function takeJournal(
  tx: Tx,
  mostEntries: number,
  now: string,
  before: AsOf,
): Promise<Bite> {
  const rows = await tx<(JournalEntry & { seen: string; all: string; stores: string })[]>`
    WITH seen AS MATERIALIZED (
      SELECT batch_id, store_id, written_at, orders, ${tx.unsafe(ENTRIES)} AS size
      FROM journal WHERE format <= ${JOURNAL_FORMAT} LIMIT ${MAX_SEEN_ROWS}
    ), queued AS (
      SELECT *, sum(size) OVER (PARTITION BY store_id ORDER BY written_at, batch_id
                                ROWS UNBOUNDED PRECEDING) AS own
      FROM seen
    ), turns AS MATERIALIZED (
      SELECT *, row_number() OVER turn AS number, sum(size) OVER turn AS entries
      FROM queued
      WINDOW turn AS (ORDER BY (store_id IS NULL AND own <= ${mostEntries}::bigint / 2) DESC,
                               own - size, written_at, batch_id ROWS UNBOUNDED PRECEDING)
    ), oldest AS MATERIALIZED (
      SELECT store_id, min(written_at) AS written_at FROM turns
      WHERE number > 1 AND entries > ${mostEntries} GROUP BY 1
    ), taken AS MATERIALIZED (
      SELECT array_agg(batch_id) AS ids FROM turns t
      WHERE number = 1 OR (entries <= ${mostEntries} AND NOT (
        t.orders = 0 AND EXISTS (
          SELECT FROM oldest o WHERE o.written_at < t.written_at
            AND (o.store_id IS NULL OR o.store_id = t.store_id))))
    ), stays AS MATERIALIZED (
      SELECT min(written_at) AS any_row, min(written_at) FILTER (WHERE store_id IS NULL) AS shared
      FROM turns
      WHERE number > 1 AND entries > ${mostEntries}
    )
    DELETE FROM journal WHERE batch_id = ANY((SELECT ids FROM taken)::uuid[])
    RETURNING *, (SELECT count(*) FROM seen) AS seen,
      (SELECT least(${now}::text::timestamptz, greatest(
        ${before.all}::text::timestamptz, coalesce(any_row, 'infinity')))::text FROM stays) AS all,
      (SELECT least(${now}::text::timestamptz, greatest(
        ${before.stores}::text::timestamptz, coalesce(shared, 'infinity')))::text FROM stays) AS stores`;
  const [first] = rows;
  if (first === undefined) return { rows: [], more: false, asOf: { all: now, stores: now } };
  const lists = await tx<JournalLists[]>`
    DELETE FROM journal_sums WHERE batch_id = ANY(${idsOf(rows)}::uuid[]) RETURNING *`;
  // There may be rows that were not looked at, from before any of these.
  const sawAll = Number(first.seen) < MAX_SEEN_ROWS;
  return {
    rows: withLists(rows, lists),
    more: Number(first.seen) > rows.length,
    asOf: sawAll ? { all: first.all, stores: first.stores } : before,
  };
}

/** True when the journal holds rows of a newer format, written by a newer version of Weir. */
export async function holdsNewerRows(tx: Tx): Promise<boolean> {
  const rows = await tx`SELECT FROM journal WHERE format > ${JOURNAL_FORMAT} LIMIT 1`;
  return rows.length > 0;
}

const idsOf = (entries: readonly JournalEntry[]) => entries.map(({ batch_id }) => batch_id);

/** @throws Error when a row has no lists: such a row must not count as one that adds nothing. */
function withLists(
  entries: readonly JournalEntry[],
  lists: readonly JournalLists[],
): JournalRow[] {
  const byId = new Map(lists.map((row) => [row.batch_id, row]));
  return entries.map((entry) => {
    const row = { ...entry, ...byId.get(entry.batch_id) } as JournalRow;
    if (row.store_ids) return row;
    throw new Error(`the journal's row ${entry.batch_id} has no lists`);
  });
}

/** The sums over some orders. */
export interface Sums {
  orders: bigint;
  units: bigint;
  revenueMinor: bigint;
  cancelledOrders: bigint;
  cancelledRevenueMinor: bigint;
}

export interface MinuteDelta extends Sums {
  readonly scope: string;
  readonly currency: string;
  /** ISO 8601. */
  readonly minute: string;
}

export interface DayDelta extends Sums {
  readonly scope: string;
  readonly currency: string;
  /** `YYYY-MM-DD`. */
  readonly day: string;
}

export interface ProductDelta {
  readonly scope: string;
  readonly currency: string;
  readonly day: string;
  readonly sku: string;
  units: bigint;
  revenueMinor: bigint;
}

/** Everything that one fold adds, one entry per rollup row. */
export interface Deltas {
  readonly minutes: readonly MinuteDelta[];
  readonly days: readonly DayDelta[];
  readonly products: readonly ProductDelta[];
  /** Every scope that changes. `*` is among them unless nothing changes. */
  readonly scopes: string[];
}

/** Adds journal rows up to one delta per rollup row. The order of the rows does not matter. */
export function mergeJournal(rows: readonly JournalRow[]): Deltas {
  const minutes = new Map<string, MinuteDelta>();
  const days = new Map<string, DayDelta>();
  const products = new Map<string, ProductDelta>();
  const scopes = new Set<string>();
  for (const row of rows) {
    row.store_ids.forEach((storeId, index) => {
      const currency = row.currencies[index]!;
      const minute = iso(new Date(row.minutes[index]!));
      const day = dayOf(minute);
      for (const scope of [storeId, ALL_STORES]) {
        const key = `${scope}\n${currency}\n`;
        scopes.add(scope);
        addSums(
          entryOf(minutes, key + minute, () => ({ scope, currency, minute, ...noSums() })),
          row,
          index,
        );
        addSums(
          entryOf(days, key + day, () => ({ scope, currency, day, ...noSums() })),
          row,
          index,
        );
      }
    });
    row.product_store_ids.forEach((storeId, index) => {
      const currency = row.product_currencies[index]!;
      const day = row.product_days[index]!;
      const sku = row.product_skus[index]!;
      const units = BigInt(row.product_units[index]!);
      const revenueMinor = BigInt(row.product_revenue_minor[index]!);
      const key = `${currency}\n${day}\n${sku}`;
      for (const scope of [storeId, ALL_STORES]) {
        const product = entryOf(
          products,
          `${scope}\n${key}`,
          () => ({ scope, currency, day, sku, units: 0n, revenueMinor: 0n }),
        );
        product.units += units;
        product.revenueMinor += revenueMinor;
      }
    });
  }
  return {
    minutes: [...minutes.values()],
    days: [...days.values()],
    products: [...products.values()],
    scopes: [...scopes].sort(),
  };
}

function addSums(delta: Sums, row: JournalRow, index: number): void {
  delta.orders += BigInt(row.order_counts[index]!);
  delta.units += BigInt(row.units[index]!);
  delta.revenueMinor += BigInt(row.revenue_minor[index]!);
  delta.cancelledOrders += BigInt(row.cancelled_orders[index]!);
  delta.cancelledRevenueMinor += BigInt(row.cancelled_revenue_minor[index]!);
}

const noSums = () => ({
  orders: 0n,
  units: 0n,
  revenueMinor: 0n,
  cancelledOrders: 0n,
  cancelledRevenueMinor: 0n,
});

/** The map's value under `key`; a new one where there is none. */
function entryOf<Value>(map: Map<string, Value>, key: string, begin: () => Value): Value {
  const known = map.get(key);
  if (known !== undefined) return known;
  const begun = begin();
  map.set(key, begun);
  return begun;
}
