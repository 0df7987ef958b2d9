/**
 * Where the writer's batches go: one pool, by group commit, refused orders into the dead letters.
 */
import type { OrderStore } from "../../actors/order_writer/group_commit.ts";
import { commitBatch } from "../../sql/orders/batch.ts";
import type { Pool } from "../../sql/connection/database.ts";
import { parkOrder } from "../../sql/orders/dead_letters.ts";

/** A store on `pool`. */
export function orderStoreOn(pool: Pool): OrderStore {
  return {
    commit: (orders) => pool.run((sql) => commitBatch(sql, orders)),
    park: (order, code) => pool.run((sql) => parkOrder(sql, order, "rejected", code)),
  };
}
