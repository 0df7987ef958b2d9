/**
 * What would become of an order, without storing it: it is inserted as any other, in a transaction
 * that takes it back.
 *
 * The transaction holds the order's key for two round trips, and the server ends it when
 * this process stops in the middle. Constraints that wait for COMMIT are checked before.
 */
import { insertNew, readStored } from "./batch.ts";
import type { Pool, Tx } from "../connection/database.ts";
import type { NewOrder } from "./new_order.ts";

/** `mismatch`: the database holds other content under the order's key. */
export type DryRun = "commit" | "duplicate" | "mismatch";

/** Tries an order. @throws what the driver throws, also when the database refuses its content. */
export function tryOrder(pool: Pool, order: NewOrder): Promise<DryRun> {
  return pool.transaction((tx) => tryIn(tx, order));
}

async function tryIn(tx: Tx, order: NewOrder): Promise<DryRun> {
  await tx`SELECT set_config('idle_in_transaction_session_timeout', '1000', true)`;
  await tx`SET CONSTRAINTS ALL IMMEDIATE`;
  let stored = (await readStored(tx, [order])).get(order.orderId);
  if (stored === undefined) {
    await tx`SAVEPOINT untried`;
    await insertNew(tx, [order]);
    // Whatever fails before this ends the transaction, so that its COMMIT never has the order.
    await tx`ROLLBACK TO SAVEPOINT untried`;
    // Nothing was inserted if somebody else has committed the order in between.
    stored = (await readStored(tx, [order])).get(order.orderId);
  }
  if (stored === undefined) return "commit";
  return stored.contentHash === order.contentHash ? "duplicate" : "mismatch";
}
