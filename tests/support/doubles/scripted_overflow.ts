/** An overflow in memory. The test decides how each write is answered. */
import type { Overflow, SpillResult } from "../../../actors/order_writer/group_spill.ts";
import type { NewOrder } from "../../../sql/orders/new_order.ts";

export const SPILLED_AT = "2026-11-22T09:00:00.000Z";

export class ScriptedOverflow implements Overflow {
  readonly held = new Map<string, NewOrder>();
  ready = true;
  maxOrders = Infinity;
  /** Runs before each write. An error keeps the orders from being written. */
  before: () => Promise<void> | void = () => undefined;
  /** Runs after each write. An error loses the answer. */
  after: () => Promise<void> | void = () => undefined;

  isReady(): boolean {
    return this.ready;
  }

  async write(orders: readonly NewOrder[]): Promise<ReadonlyMap<string, SpillResult>> {
    await this.before();
    const results = new Map<string, SpillResult>();
    for (const order of orders) {
      const known = this.held.get(order.orderId);
      if (known === undefined && this.held.size >= this.maxOrders) {
        results.set(order.orderId, { outcome: "full" });
        continue;
      }
      if (known === undefined) this.held.set(order.orderId, order);
      const { contentHash } = known ?? order;
      const isNew = known === undefined;
      results.set(order.orderId, { outcome: "spilled", isNew, contentHash, placedAt: SPILLED_AT });
    }
    await this.after();
    return results;
  }
}
