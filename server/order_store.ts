/**
 * Where the writer's batches go: one pool, by group commit, refused orders into the dead letters.
 */
import type { OrderStore } from "../actors/group_commit.ts";
import { commitBatch } from "../sql/batch.ts";
import type { Pool } from "../sql/database.ts";
import { parkOrder } from "../sql/dead_letters.ts";

/** A store on `pool`. */
export function orderStoreOn(pool: Pool): OrderStore {
  return {
    commit: (orders) => pool.run((sql) => commitBatch(sql, orders)),
    park: (order, code) => pool.run((sql) => parkOrder(sql, order, "rejected", code)),
  };
}
