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
import { type ParkedLetter, parkOrder } from "../../sql/orders/dead_letters.ts";
import { QuickWay } from "../../sql/orders/batch/quick_way.ts";
import type { NewOrder } from "../../sql/orders/new_order.ts";
import { commitRecalling, type RecallOptions } from "../overflow/recall.ts";

/** Called when an order has become a dead letter. */
type OnParked = (order: NewOrder, letter: ParkedLetter) => void;

/** A store on `pool`, for where there is no overflow. */
export function createOrderStore(pool: Pool, onParked: OnParked = () => undefined): OrderStore {
  const quickWay = new QuickWay();
  return {
    commit: (orders) => pool.run((sql) => commitBatch(sql, orders, quickWay)),
    park: async (order, rule) => {
      const cause = { reason: "rejected", rule } as const;
      const letter = await pool.run((sql) => parkOrder(sql, order, cause));
      onParked(order, letter);
      return letter.id;
    },
  };
}

/** A store on `pool` that first asks the overflow for the orders of each batch. */
export function createRecallingStore(
  pool: Pool,
  { recall, onRecalled }: Pick<RecallOptions, "recall" | "onRecalled">,
  onParked?: OnParked,
): OrderStore {
  const store = createOrderStore(pool, onParked);
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
