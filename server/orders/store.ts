/**
 * The store of the writer's batches: "recall, then commit". An order that waits in the overflow under
 * its key is committed as it was acknowledged there; an order that the database refuses for its
 * content becomes a dead letter.
 *
 * Tested in tests/server/overflow/recall_test.ts.
 */
import type { OrderStore } from "../../actors/order_writer/group_commit.ts";
import type { Pool } from "../../sql/connection/database.ts";
import { commitBatch, readStored } from "../../sql/orders/batch.ts";
import { parkOrder } from "../../sql/orders/dead_letters.ts";
import { commitRecalling, type RecallOptions } from "../overflow/recall.ts";

/** A store on `pool`, for where there is no overflow. */
export function createOrderStore(pool: Pool): OrderStore {
  return {
    commit: (orders) => pool.run((sql) => commitBatch(sql, orders)),
    park: (order, code) => pool.run((sql) => parkOrder(sql, order, "rejected", code)),
  };
}

/** A store on `pool` that first asks the overflow for the orders of each batch. */
export function createRecallingStore(
  pool: Pool,
  { recall, onRecalled }: Pick<RecallOptions, "recall" | "onRecalled">,
): OrderStore {
  const store = createOrderStore(pool);
  return {
    ...store,
    commit: commitRecalling({
      commit: store.commit,
      read: (orders) => pool.run((sql) => readStored(sql, orders)),
      recall,
      onRecalled,
    }),
  };
}
