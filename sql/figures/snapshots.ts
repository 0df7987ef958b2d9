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

interface MinuteRow extends WindowRow {
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
  readonly minutes: readonly MinuteRow[];
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
    ), products AS (
      SELECT d.currency, best.* FROM clock,
        (SELECT DISTINCT currency FROM days) AS d,
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
      coalesce((SELECT json_agg(json_build_object('currency', currency,
          'minute', extract(epoch FROM minute)::bigint, 'orders', orders, 'units', units::text,
          'revenueMinor', revenue_minor::text, 'cancelledOrders', cancelled_orders,
          'cancelledRevenueMinor', cancelled_revenue_minor::text)) FROM minutes), '[]') AS minutes,
      coalesce((SELECT json_agg(json_build_object('currency', currency, 'orders', orders,
          'units', units::text, 'revenueMinor', revenue_minor::text,
          'cancelledOrders', cancelled_orders,
          'cancelledRevenueMinor', cancelled_revenue_minor::text)) FROM days), '[]') AS days,
      coalesce((SELECT json_agg(json_build_object('currency', currency, 'sku', sku,
          'units', units::text, 'revenueMinor', revenue_minor::text)
          ORDER BY revenue_minor DESC, sku) FROM products), '[]') AS products
    FROM clock, ${markOf(sql, scope)} AS mark`;
  if (row === undefined) throw new Error("the snapshot statement returned no row");
  return row;
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
  const codes = new Set([...row.days, ...row.minutes].map(({ currency }) => currency));
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
  const minutes = row.minutes.filter((sums) => sums.currency === currency);
  const bySecond = new Map(minutes.map((sums) => [sums.minute, sums]));
  const newest = Date.parse(minute);
  const today = row.days.find((sums) => sums.currency === currency);
  return {
    currency,
    today: addUp(today === undefined ? [] : [today]),
    last60m: addUp(minutes),
    minutes: Array.from({ length: WINDOW_MINUTES }, (_, index) => {
      const at = newest - (WINDOW_MINUTES - 1 - index) * MINUTE_MS;
      const sums = bySecond.get(at / 1_000);
      return {
        minute: iso(at),
        orders: sums?.orders ?? 0,
        units: sums?.units ?? "0",
        revenueMinor: sums?.revenueMinor ?? "0",
      };
    }),
    topProducts: row.products.filter((product) => product.currency === currency)
      .map(({ sku, units, revenueMinor }) => ({ sku, units, revenueMinor })),
  };
}

function addUp(rows: readonly WindowRow[]): WindowSums {
  const sum = (pick: (row: WindowRow) => string) =>
    rows.reduce((total, row) => total + BigInt(pick(row)), 0n).toString();
  return {
    orders: rows.reduce((total, row) => total + row.orders, 0),
    units: sum((row) => row.units),
    revenueMinor: sum((row) => row.revenueMinor),
    cancelledOrders: rows.reduce((total, row) => total + row.cancelledOrders, 0),
    cancelledRevenueMinor: sum((row) => row.cancelledRevenueMinor),
  };
}
