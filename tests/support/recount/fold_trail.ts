/**
 * The trail of the folds. Triggers of the test keep every journal row that a fold consumes, and the
 * version that the same transaction gave to each scope. From the trail any frame can be worked out
 * again, long after its version is gone.
 */
import { assert, assertEquals } from "@std/assert";
import type { JournalRow } from "../../../sql/figures/journal.ts";
import type { TestSql } from "../services/database.ts";
import type { SeenFigures } from "../load/audience.ts";
import { Ledger } from "./ledger.ts";

const ALL = "*";

/** Starts keeping the trail. Earlier folds are not in it. */
export async function keepTrail(sql: TestSql): Promise<void> {
  await sql.unsafe(`
    create table trail_rows (fold xid8 not null, like journal_sums);
    create table trail_scopes (fold xid8 not null, scope text not null, version bigint not null,
                               kept_at timestamptz not null default clock_timestamp());
    create function keep_row() returns trigger language plpgsql as $$
      begin insert into trail_rows select pg_current_xact_id(), old.*; return null; end $$;
    create function keep_scope() returns trigger language plpgsql as $$
      begin
        insert into trail_scopes values (pg_current_xact_id(), new.scope, new.version);
        return null;
      end $$;
    create trigger keep_row after delete on journal_sums for each row execute function keep_row();
    create trigger keep_scope after insert on scope_versions for each row
      execute function keep_scope();`);
}

/** The lists of one journal row that a fold consumed. */
type TrailRow = Omit<JournalRow, "written_at" | "orders">;

/** A fold that consumed something. */
export interface TrailFold {
  readonly version: number;
  /** The scopes that it marked with its version. */
  readonly scopes: ReadonlySet<string>;
  readonly rows: readonly TrailRow[];
}

/**
 * Reads the trail, oldest fold first.
 * @throws AssertionError when the versions have a gap or one of them came twice, or when a fold
 *   marked other scopes than those it changed.
 */
export async function readTrail(sql: TestSql): Promise<TrailFold[]> {
  const rows = await sql<(TrailRow & { fold: string })[]>`select * from trail_rows`;
  const marks = await sql<{ fold: string; scope: string; version: string }[]>`
    select * from trail_scopes`;
  const rowsOf = Map.groupBy(rows, ({ fold }) => fold);
  const marksOf = Map.groupBy(marks, ({ fold }) => fold);
  const folds = [...rowsOf].map(([fold, rows]): TrailFold => {
    const marked = marksOf.get(fold) ?? [];
    const [version, ...others] = new Set(marked.map(({ version }) => Number(version)));
    assert(version !== undefined && others.length === 0, "a fold makes one version");
    const scopes = new Set(marked.map(({ scope }) => scope));
    const changed = new Set([ALL, ...rows.flatMap(({ store_ids }) => store_ids)]);
    assertEquals([...scopes].sort(), [...changed].sort(), `the scopes of version ${version}`);
    return { version, scopes, rows };
  }).sort((a, b) => a.version - b.version);
  assertEquals(
    folds.map(({ version }) => version),
    folds.map((_, index) => index + 1),
    "versions follow each other",
  );
  return folds;
}

/** A version, and the time at which its fold marked the scopes. */
export interface FoldTime {
  readonly version: number;
  /** Unix milliseconds, by the machine's clock, which the test shares with the database. */
  readonly at: number;
}

/** All versions, each with the time at which it was made. */
export async function readFoldTimes(sql: TestSql): Promise<FoldTime[]> {
  const rows = await sql<{ version: string; at: Date }[]>`
    select version, min(kept_at) as at from trail_scopes where version > 0
    group by version order by version`;
  return rows.map(({ version, at }) => ({ version: Number(version), at: at.getTime() }));
}

/** A count of the acknowledged orders. All of them were acknowledged before `at`. */
export interface Mark {
  /** Unix milliseconds, the database's clock, read after the count. */
  readonly at: number;
  /** Orders acknowledged as committed, by store and under `*`. */
  readonly orders: ReadonlyMap<string, number>;
}

/**
 * Compares all figures of `seen`, in full, with what the folds up to their version consumed. Also
 * checks that they count every order that was acknowledged before their `asOf`.
 * @returns the number of figures that were compared.
 */
export function expectFramesOf(
  folds: readonly TrailFold[],
  seen: readonly SeenFigures[],
  marks: readonly Mark[] = [],
): number {
  const byVersion = Map.groupBy(seen, ({ version }) => version);
  const newest = Math.max(...byVersion.keys());
  assert(newest <= folds.length, `a frame of version ${newest}, which no fold has made`);
  const ledger = new Ledger();
  const placed = new Map<string, bigint>();
  const check = (frame: SeenFigures) => {
    const { scope, version, minute, asOf } = frame;
    const name = `the frame of ${scope} at version ${version}, minute ${minute}`;
    const changed = version === 0 || folds[version - 1]!.scopes.has(scope);
    assert(changed, `${name}: that fold did not change it`);
    assertEquals(JSON.parse(frame.currencies), ledger.figures(scope, minute), name);
    for (const { at, orders } of marks) {
      if (at >= Date.parse(asOf)) continue;
      const [shown, known] = [placed.get(scope) ?? 0n, orders.get(scope) ?? 0];
      assert(shown >= known, `${name} has ${shown} orders of the ${known} acknowledged by ${asOf}`);
    }
  };
  byVersion.get(0)?.forEach(check);
  for (const { version, rows } of folds) {
    for (const row of rows) addRow(ledger, placed, row);
    byVersion.get(version)?.forEach(check);
  }
  return seen.length;
}

function addRow(ledger: Ledger, placed: Map<string, bigint>, row: TrailRow): void {
  const at = (list: readonly string[], index: number) => BigInt(list[index]!);
  row.store_ids.forEach((store, index) => {
    const amounts = {
      orders: at(row.order_counts, index),
      units: at(row.units, index),
      revenueMinor: at(row.revenue_minor, index),
      cancelledOrders: at(row.cancelled_orders, index),
      cancelledRevenueMinor: at(row.cancelled_revenue_minor, index),
    };
    const minute = Date.parse(row.minutes[index]!);
    ledger.add({ store, currency: row.currencies[index]!, minute, amounts });
    for (const scope of [store, ALL]) {
      const { orders, cancelledOrders } = amounts;
      placed.set(scope, (placed.get(scope) ?? 0n) + orders + cancelledOrders);
    }
  });
  row.product_store_ids.forEach((store, index) => {
    ledger.addProduct({
      store,
      currency: row.product_currencies[index]!,
      day: row.product_days[index]!,
      sku: row.product_skus[index]!,
      units: at(row.product_units, index),
      revenueMinor: at(row.product_revenue_minor, index),
    });
  });
}

/** Makes a ledger from the table of orders. */
export async function recountOrders(sql: TestSql): Promise<Ledger> {
  const ledger = new Ledger();
  const rows = await sql<OrderRow[]>`
    select store_id, currency, lines, placed_at, cancelled_at from orders`;
  for (const row of rows) addOrder(ledger, row);
  return ledger;
}

interface OrderRow {
  readonly store_id: string;
  readonly currency: string;
  readonly lines: { sku: string; quantity: number; unitPriceMinor: number }[];
  readonly placed_at: Date;
  readonly cancelled_at: Date | null;
}

function addOrder(ledger: Ledger, row: OrderRow): void {
  const { store_id: store, currency, placed_at } = row;
  const lines = row.lines.map(({ sku, quantity, unitPriceMinor }) => ({
    sku,
    units: BigInt(quantity),
    revenueMinor: BigInt(quantity) * BigInt(unitPriceMinor),
  }));
  const units = lines.reduce((total, line) => total + line.units, 0n);
  const revenueMinor = lines.reduce((total, line) => total + line.revenueMinor, 0n);
  const minute = Math.floor(placed_at.getTime() / 60_000) * 60_000;
  const isCancelled = row.cancelled_at !== null;
  ledger.add({
    store,
    currency,
    minute,
    amounts: {
      orders: isCancelled ? 0n : 1n,
      units: isCancelled ? 0n : units,
      revenueMinor: isCancelled ? 0n : revenueMinor,
      cancelledOrders: isCancelled ? 1n : 0n,
      cancelledRevenueMinor: isCancelled ? revenueMinor : 0n,
    },
  });
  if (isCancelled) return;
  const day = placed_at.toISOString().slice(0, 10);
  for (const line of lines) ledger.addProduct({ store, currency, day, ...line });
}
