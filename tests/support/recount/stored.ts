/** The rows of a database in the form in which a history is compared with them. */
import { iso } from "../../../sql/time.ts";
import type { TestSql } from "../services/database.ts";
import { contentOf, type Stored, type StoredRow } from "./history.ts";

interface OrderRow {
  readonly store_id: string;
  readonly idempotency_key: string;
  readonly order_id: string;
  readonly currency: string;
  readonly lines: { sku: string; quantity: number; unitPriceMinor: number }[];
  readonly customer_ref: string | null;
  readonly metadata: Record<string, string>;
  readonly total_minor: string;
  readonly placed_at: Date;
}

/** The orders and open dead letters in the database. */
export async function readStored(sql: TestSql): Promise<Stored> {
  const rows = await sql<OrderRow[]>`select * from orders`;
  const letters = await sql<
    { payload: Parameters<typeof contentOf>[0]; store_id: string; key: string }[]
  >`
    select store_id, payload->>'idempotencyKey' as key, payload from dead_letters
    where state = 'open'`;
  return {
    orders: rows.map(orderOf),
    letters: letters.map(({ store_id, key, payload }) => ({
      store: store_id,
      key,
      content: contentOf(payload),
    })),
  };
}

function orderOf(row: OrderRow): StoredRow {
  const { currency, lines, metadata } = row;
  const customerRef = row.customer_ref === null ? {} : { customerRef: row.customer_ref };
  return {
    store: row.store_id,
    key: row.idempotency_key,
    orderId: row.order_id,
    content: contentOf({ currency, lines, metadata, ...customerRef }),
    totalMinor: Number(row.total_minor),
    placedAt: iso(row.placed_at),
  };
}
