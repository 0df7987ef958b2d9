/**
 * A snapshot holds every figure of one scope's dashboard at one moment, read from the rollups
 * alone.
 *
 * One statement reads version, `asOf` and figures, so all of them come from one snapshot of the
 * database. Rows that are still in the journal are in none of them. The windows end with the
 * database's current minute.
 */
import type { CurrencyFigures, ProductSums, WindowSums } from "../../client/contract/snapshot.ts";
import type { Pool, Sql } from "../connection/database.ts";
import { ALL_STORES } from "./journal.ts";
import { iso, MINUTE_MS, minuteOf } from "../time.ts";

/** The figures of a scope, as read from the database. */
export interface Figures {
  readonly scope: string;
  readonly epoch: number;
  /** The last fold that changed this scope; 0 before the first fold. */
  readonly version: number;
  /**
   * The last fold of any scope, which is the version of `*`. The figures hold all folds up to it.
   */
  readonly fold: number;
  /** Every order that was committed before this instant is in the figures. */
  readonly asOf: string;
  /** The same of the stores that folds keep up with. It tells that folds go on. */
  readonly foldedAt: string;
  /** The database's clock at the read. */
  readonly readAt: string;
  /** The current UTC minute of the database. The windows end with it. */
  readonly minute: string;
  readonly currencies: readonly CurrencyFigures[];
}

const WINDOW_MINUTES = 60;

/**
 * So many currencies are read with their minutes and products: those with the most orders in the hour,
 * then today, then by code. The others have their sums alone. Minutes and products of a currency take
 * 10 KB at the most, and its sums 450 bytes. So figures of all 180 currencies stay below 256 KiB, in
 * whatever letters the products are named.
 */
export const DETAILED_CURRENCIES = 16;

/** Reads the figures of `scope`. @throws the error of the driver */
export async function readFigures(pool: Pool, scope: string): Promise<Figures> {
  const row = await pool.run((sql) => readRow(sql, scope));
  return figuresOf(scope, row);
}

/** The newest (epoch, version) of all scopes, how far folds have come, and the database's clock. */
export async function readNewest(
  pool: Pool,
): Promise<{ epoch: number; version: number; now: Date; foldedAt: Date }> {
  const [row] = await pool.run((sql) =>
    sql<{ epoch: string; version: string; now: Date; folded_at: Date }[]>`
      SELECT (SELECT max(epoch) FROM epochs) AS epoch, clock_timestamp() AS now,
             coalesce((SELECT coalesce(stores_as_of, as_of) FROM scope_versions
                       WHERE scope = ${ALL_STORES} ORDER BY version DESC, as_of DESC LIMIT 1),
                      (SELECT begun_at FROM epochs ORDER BY epoch DESC LIMIT 1)) AS folded_at,
             coalesce((SELECT max(version) FROM scope_versions WHERE scope = ${ALL_STORES}), 0)
               AS version`
  );
  if (row === undefined) throw new Error("a SELECT without FROM returned no row");
  const { now, folded_at: foldedAt } = row;
  return { epoch: Number(row.epoch), version: Number(row.version), now, foldedAt };
}

interface WindowRow {
  readonly currency: string;
  readonly orders: number;
  readonly units: string;
  readonly revenueMinor: string;
  readonly cancelledOrders: number;
  readonly cancelledRevenueMinor: string;
}

interface MinuteRow extends Pick<WindowRow, "currency" | "orders" | "units" | "revenueMinor"> {
  /** Unix seconds. */
  readonly minute: number;
}

interface ProductRow extends ProductSums {
  readonly currency: string;
}

interface SnapshotRow {
  readonly epoch: string;
  readonly version: string;
  readonly fold: string;
  readonly as_of: Date;
  readonly folded_at: Date;
  readonly now: Date;
  readonly detailed: readonly string[];
  readonly minutes: readonly MinuteRow[];
  readonly hours: readonly WindowRow[];
  readonly days: readonly WindowRow[];
  readonly products: readonly ProductRow[];
}

async function readRow(sql: Sql, scope: string): Promise<SnapshotRow> {
  const [row] = await sql<SnapshotRow[]>`
    WITH clock AS MATERIALIZED (
      SELECT statement_timestamp() AS now,
             date_trunc('minute', statement_timestamp(), 'UTC') AS minute,
             (statement_timestamp() AT TIME ZONE 'UTC')::date AS today
    ), minutes AS (
      SELECT r.* FROM rollup_minutes r, clock
      WHERE r.scope = ${scope} AND r.currency IN (
          SELECT DISTINCT d.currency FROM rollup_days d
          WHERE d.scope = ${scope} AND d.day >= clock.today - 1)
        AND r.minute > clock.minute - interval '60 minutes' AND r.minute <= clock.minute
    ), days AS (
      SELECT r.* FROM rollup_days r, clock WHERE r.scope = ${scope} AND r.day = clock.today
    ), hours AS (
      SELECT currency, sum(orders) AS orders, sum(units) AS units,
             sum(revenue_minor) AS revenue_minor, sum(cancelled_orders) AS cancelled_orders,
             sum(cancelled_revenue_minor) AS cancelled_revenue_minor
      FROM minutes GROUP BY currency
    ), detailed AS MATERIALIZED (
      SELECT currency FROM hours h FULL JOIN days d USING (currency)
      ORDER BY coalesce(h.orders, 0) DESC, coalesce(d.orders, 0) DESC, currency
      LIMIT ${DETAILED_CURRENCIES}
    ), products AS (
      SELECT d.currency, best.* FROM clock, detailed AS d,
        LATERAL (SELECT p.sku, p.units, p.revenue_minor FROM rollup_products p
                 WHERE p.scope = ${scope} AND p.currency = d.currency AND p.day = clock.today
                   AND (p.units <> 0 OR p.revenue_minor <> 0)
                 ORDER BY p.revenue_minor DESC, p.sku LIMIT 10) AS best
    )
    SELECT clock.now,
      (SELECT max(epoch) FROM epochs) AS epoch,
      coalesce((SELECT max(version) FROM scope_versions WHERE scope = ${scope}), 0) AS version,
      coalesce((SELECT max(version) FROM scope_versions WHERE scope = ${ALL_STORES}), 0) AS fold,
      mark.as_of, mark.folded_at,
      coalesce((SELECT json_agg(currency) FROM detailed), '[]') AS detailed,
      coalesce((SELECT json_agg(json_build_object('currency', currency,
          'minute', extract(epoch FROM minute)::bigint, 'orders', orders, 'units', units::text,
          'revenueMinor', revenue_minor::text))
          FROM minutes WHERE currency IN (SELECT currency FROM detailed)), '[]') AS minutes,
      ${sumsOf(sql, "hours")} AS hours, ${sumsOf(sql, "days")} AS days,
      coalesce((SELECT json_agg(json_build_object('currency', currency, 'sku', sku,
          'units', units::text, 'revenueMinor', revenue_minor::text)
          ORDER BY revenue_minor DESC, sku) FROM products), '[]') AS products
    FROM clock, ${markOf(sql, scope)} AS mark`;
  if (row === undefined) throw new Error("the snapshot statement returned no row");
  return row;
}

/** The rows of a window as JSON. */
function sumsOf(sql: Sql, window: "hours" | "days") {
  return sql`
    coalesce((SELECT json_agg(json_build_object('currency', currency, 'orders', orders,
        'units', units::text, 'revenueMinor', revenue_minor::text,
        'cancelledOrders', cancelled_orders,
        'cancelledRevenueMinor', cancelled_revenue_minor::text)) FROM ${sql(window)}), '[]')`;
}

/**
 * How far the figures of `scope` are. While the journal is long, a store with rows of its own there is
 * as far as the oldest of them. Others are further (journal.ts).
 */
function markOf(sql: Sql, scope: string) {
  const reached = scope === ALL_STORES ? sql`as_of` : sql`
    CASE WHEN stores > as_of
      THEN greatest(as_of, least(stores, (SELECT min(written_at) FROM journal
                                          WHERE store_id = ${scope})))
      ELSE as_of END`;
  return sql`(
    SELECT ${reached} AS as_of, stores AS folded_at FROM (
      SELECT coalesce(m.as_of, e.begun_at) AS as_of,
             coalesce(m.stores_as_of, m.as_of, e.begun_at) AS stores
      FROM (SELECT begun_at FROM epochs ORDER BY epoch DESC LIMIT 1) AS e
      LEFT JOIN LATERAL (
        SELECT as_of, stores_as_of FROM scope_versions WHERE scope = ${ALL_STORES}
        ORDER BY version DESC, as_of DESC LIMIT 1
      ) AS m ON true
    ) AS newest
  )`;
}

function figuresOf(scope: string, row: SnapshotRow): Figures {
  const minute = minuteOf(row.now);
  const codes = new Set([...row.days, ...row.hours].map(({ currency }) => currency));
  return {
    scope,
    epoch: Number(row.epoch),
    version: Number(row.version),
    fold: Number(row.fold),
    asOf: iso(row.as_of),
    foldedAt: iso(row.folded_at),
    readAt: iso(row.now),
    minute,
    currencies: [...codes].sort().map((currency) => currencyFigures(currency, minute, row)),
  };
}

function currencyFigures(currency: string, minute: string, row: SnapshotRow): CurrencyFigures {
  const ofCurrency = (rows: readonly WindowRow[]) =>
    sumsIn(rows.find((sums) => sums.currency === currency));
  return {
    currency,
    today: ofCurrency(row.days),
    last60m: ofCurrency(row.hours),
    hasDetail: row.detailed.includes(currency),
    minutes: minutesOf(row.minutes.filter((sums) => sums.currency === currency), minute),
    topProducts: row.products.filter((product) => product.currency === currency)
      .map(({ sku, units, revenueMinor }) => ({ sku, units, revenueMinor })),
  };
}

/** The hour that ends with `minute`; no minute when none has an order. */
function minutesOf(rows: readonly MinuteRow[], minute: string): CurrencyFigures["minutes"] {
  if (rows.length === 0) return [];
  const bySecond = new Map(rows.map((sums) => [sums.minute, sums]));
  const newest = Date.parse(minute);
  return Array.from({ length: WINDOW_MINUTES }, (_, index) => {
    const at = newest - (WINDOW_MINUTES - 1 - index) * MINUTE_MS;
    const { orders = 0, units = "0", revenueMinor = "0" } = bySecond.get(at / 1_000) ?? {};
    return { minute: iso(at), orders, units, revenueMinor };
  });
}

function sumsIn(row: WindowRow | undefined): WindowSums {
  return {
    orders: row?.orders ?? 0,
    units: row?.units ?? "0",
    revenueMinor: row?.revenueMinor ?? "0",
    cancelledOrders: row?.cancelledOrders ?? 0,
    cancelledRevenueMinor: row?.cancelledRevenueMinor ?? "0",
  };
}
