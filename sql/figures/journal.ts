/**
 * The journal: from the rows that a fold consumes to what each rollup row has to grow by.
 *
 * A row lists, column by column, what a batch adds per store, currency and minute, and per store,
 * currency, day and product; sums are `bigint` here, since sums over orders may pass what a number
 * can hold. Every addition counts for its store and for the scope `*`. The lists stand in a table of
 * their own (0008_journal_sums.sql says why), by a row's id.
 */
import type { Sql, Tx } from "../connection/driver.ts";
import { dayOf, iso } from "../time.ts";

/** The layout of a row that this version writes. It reads older ones too, and leaves newer alone. */
export const JOURNAL_FORMAT = 2;

/** The scope of all stores together. No store can have this name. */
export const ALL_STORES = "*";

/** One journal row; the lists of each half have equal lengths. */
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

/** A row as it stands in the journal. One of format 1 holds its lists itself. */
type JournalEntry = Pick<JournalRow, "written_at" | "orders"> & { readonly batch_id: string };

/** The lists beside a row. */
type JournalLists = Omit<JournalRow, "written_at" | "orders"> & { readonly batch_id: string };

/** What a row adds to a bite; rows of the version before do not say how many entries they have. */
const ENTRIES = "coalesce(entries, greatest(orders, 1))";

/** No more rows than this at once, however little is in them. */
const MAX_ROWS = 2_000;

/**
 * All rows, in no order. Inside a transaction that keeps one snapshot, or while nothing folds.
 * @returns null when they have more than `mostEntries`, or some are of a format not known here.
 */
export async function readJournal(
  sql: Sql | Tx,
  mostEntries: number,
): Promise<JournalRow[] | null> {
  const rows = await sql<(JournalEntry & { format: number; size: string })[]>`
    SELECT *, ${sql.unsafe(ENTRIES)} AS size FROM journal LIMIT ${MAX_ROWS + 1}`;
  const entries = rows.reduce((sum, { size }) => sum + Number(size), 0);
  if (rows.length > MAX_ROWS || entries > mostEntries) return null;
  if (rows.some(({ format }) => format > JOURNAL_FORMAT)) return null;
  const lists = await sql<JournalLists[]>`
    SELECT * FROM journal_sums WHERE batch_id = ANY(${idsOf(rows)}::uuid[])`;
  return withLists(rows, lists);
}

/** What a fold has taken. */
export interface Bite {
  readonly rows: readonly JournalRow[];
  /** True when there was more to take. */
  readonly more: boolean;
}

/**
 * Deletes rows of at most `mostEntries` entries together, but one at the least, and returns them;
 * those of a format not known here stay.
 *
 * Keys come in arrays, and rows are put together here, so that there is no join to plan: of a table
 * that is empty but for dead rows, ANALYZE says that any way through it is as short as any other.
 */
export async function takeJournal(tx: Tx, mostEntries: number): Promise<Bite> {
  const rows = await tx<(JournalEntry & { seen: string })[]>`
    WITH seen AS MATERIALIZED (
      SELECT batch_id, row_number() OVER all_before AS number,
             sum(${tx.unsafe(ENTRIES)}) OVER all_before AS entries
      FROM (SELECT * FROM journal WHERE format <= ${JOURNAL_FORMAT} LIMIT ${MAX_ROWS + 1}) AS j
      WINDOW all_before AS (ROWS UNBOUNDED PRECEDING)
    )
    DELETE FROM journal WHERE batch_id = ANY(ARRAY(
      SELECT batch_id FROM seen
      WHERE number = 1 OR (number <= ${MAX_ROWS} AND entries <= ${mostEntries})
    )) RETURNING *, (SELECT count(*) FROM seen) AS seen`;
  if (rows.length === 0) return { rows: [], more: false };
  const lists = await tx<JournalLists[]>`
    DELETE FROM journal_sums WHERE batch_id = ANY(${idsOf(rows)}::uuid[]) RETURNING *`;
  return { rows: withLists(rows, lists), more: Number(rows[0]!.seen) > rows.length };
}

/** True when the journal holds rows of a format not known here, of a newer version beside this one. */
export async function holdsNewerRows(tx: Tx): Promise<boolean> {
  const rows = await tx`SELECT FROM journal WHERE format > ${JOURNAL_FORMAT} LIMIT 1`;
  return rows.length > 0;
}

const idsOf = (entries: readonly JournalEntry[]) => entries.map(({ batch_id }) => batch_id);

/** @throws Error when a row has no lists: it must not be taken for one that adds nothing. */
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

/** What an order, or many, add to a sum. */
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

/** What one fold adds, one entry per rollup row. */
export interface Deltas {
  readonly minutes: readonly MinuteDelta[];
  readonly days: readonly DayDelta[];
  readonly products: readonly ProductDelta[];
  /** Every scope that changes; `*` is among them unless there is nothing at all. */
  readonly scopes: string[];
}

/** Sums up journal rows into one delta per rollup row. The order of the rows does not matter. */
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
        scopes.add(scope);
        addSums(entryOf(minutes, { scope, currency, minute }, noSums), row, index);
        addSums(entryOf(days, { scope, currency, day }, noSums), row, index);
      }
    });
    row.product_store_ids.forEach((storeId, index) => {
      const currency = row.product_currencies[index]!;
      const day = row.product_days[index]!;
      const sku = row.product_skus[index]!;
      for (const scope of [storeId, ALL_STORES]) {
        const product = entryOf(products, { scope, currency, day, sku }, noPieces);
        product.units += BigInt(row.product_units[index]!);
        product.revenueMinor += BigInt(row.product_revenue_minor[index]!);
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

const noPieces = () => ({ units: 0n, revenueMinor: 0n });
const noSums = () => ({
  ...noPieces(),
  orders: 0n,
  cancelledOrders: 0n,
  cancelledRevenueMinor: 0n,
});

/** The map's value under `key`, which begins as the key beside zeroes. */
function entryOf<Key extends Readonly<Record<string, string>>, Zero extends object>(
  map: Map<string, Key & Zero>,
  key: Key,
  zero: () => Zero,
): Key & Zero {
  const id = Object.values(key).join("\n");
  const known = map.get(id);
  if (known !== undefined) return known;
  const begun = { ...key, ...zero() };
  map.set(id, begun);
  return begun;
}
