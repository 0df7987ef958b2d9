/**
 * The dry run of an order: it is inserted like any other, in a transaction that takes it back.
 *
 * The transaction holds the order's key for two round trips. If this process stops in the middle,
 * the server ends the transaction within a second. Constraints that PostgreSQL would check at COMMIT
 * are checked at once.
 *
 * Tested in tests/server/orders/dead_letters_test.ts.
 */
import { insertNew, readStored } from "./batch.ts";
import type { Pool, Tx } from "../connection/database.ts";
import type { NewOrder } from "./new_order.ts";

/**
 * `mismatch`: the database holds other content under the order's key. `dropped`: a trigger drops the
 * order without a word.
 */
export type DryRun = "commit" | "duplicate" | "mismatch" | "dropped";

/** Tries an order. @throws the error of the driver, also when the database refuses the content */
export function tryOrder(pool: Pool, order: NewOrder): Promise<DryRun> {
  return pool.transaction((tx) => tryIn(tx, order));
}

async function tryIn(tx: Tx, order: NewOrder): Promise<DryRun> {
  await tx`SELECT set_config('idle_in_transaction_session_timeout', '1000', true)`;
  await tx`SET CONSTRAINTS ALL IMMEDIATE`;
  let stored = (await readStored(tx, [order])).get(order.orderId);
  if (stored === undefined) {
    await tx`SAVEPOINT untried`;
    const { new_ids } = await insertNew(tx, [order]);
    // A failure before this line ends the transaction. So the order is never committed.
    await tx`ROLLBACK TO SAVEPOINT untried`;
    // Another transaction may have committed the order in between; then nothing was inserted.
    stored = (await readStored(tx, [order])).get(order.orderId);
    if (stored === undefined) return new_ids === null ? "commit" : "dropped";
  }
  return stored.contentHash === order.contentHash ? "duplicate" : "mismatch";
}
