/** The table of the yardsticks, and of every bare INSERT that Weir is compared with. */
import { connect } from "../../../sql/connection/driver.ts";

/** The textbook's table: a key, the repeat of an order found by its idempotency key, and a list. */
export async function makeTextbookTable(databaseUrl: string): Promise<void> {
  const sql = connect(databaseUrl, { max: 1 });
  await sql`
    CREATE TABLE textbook_orders (
      order_id        uuid        PRIMARY KEY DEFAULT gen_random_uuid(),
      store_id        text        NOT NULL,
      idempotency_key text        NOT NULL,
      currency        text        NOT NULL,
      lines           jsonb       NOT NULL,
      units           bigint      NOT NULL,
      total_minor     bigint      NOT NULL,
      customer_ref    text,
      placed_at       timestamptz NOT NULL DEFAULT now(),
      UNIQUE (store_id, idempotency_key))`;
  await sql`CREATE INDEX ON textbook_orders (store_id, placed_at DESC)`;
  await sql.end();
}
