/**
 * The look-up of an order wherever it is: in the database, in the overflow, or among the dead letters.
 *
 * The overflow is asked before the database, because an order leaves the overflow only after its
 * COMMIT. So an order that moves during the look-up is still found in the database. When both have
 * an order, the database's row is the answer.
 */
import { refuse } from "../../client/contract/refusal.ts";
import type { Pool } from "../../sql/connection/database.ts";
import { findOpenLetter } from "../../sql/orders/dead_letters.ts";
import type { NewOrder } from "../../sql/orders/new_order.ts";
import { type ListOptions, listOrders, readOrder } from "../../sql/orders/orders.ts";
import { isOutage, orUnavailable } from "./outage.ts";
import type { DeadLetter } from "../../client/contract/dead_letter.ts";
import type { Order, OrderPage } from "../../client/contract/order.ts";
import { Refused } from "../../client/contract/refused.ts";

/** The overflow as the look-up sees it. */
export interface OverflowLookup {
  /** Null when the order is not there. @throws when the overflow does not answer. */
  find(orderId: string): Promise<NewOrder | null>;
}

const MAY_WAIT = refuse(
  "unavailable",
  "the order may be in the overflow buffer, which does not answer",
  1_000,
);

/** Orders as callers look for them. @throws Refused unavailable while the database is away */
export interface OrderLookup {
  /** The order, wherever it is. @throws Refused not_found */
  find(storeId: string, orderId: string): Promise<Order>;
  /** A page of a store's committed and cancelled orders. */
  list(options: ListOptions): Promise<OrderPage>;
}

/** A look-up in the database behind `pool` and in the overflow; null: there is none. */
export function createOrderLookup(pool: Pool, overflow: OverflowLookup | null): OrderLookup {
  return {
    find: async (storeId, orderId) => {
      const order = await orUnavailable(findOrder(pool, overflow, storeId, orderId));
      if (order !== null) return order;
      throw new Refused(refuse("not_found", "this store has no order with this id"));
    },
    list: (options) => orUnavailable(listOrders(pool, options)),
  };
}

/**
 * Finds an order; null when it is nowhere.
 * @throws Refused unavailable when the overflow is silent, else what the driver throws.
 */
export async function findOrder(
  pool: Pool,
  overflow: OverflowLookup | null,
  storeId: string,
  orderId: string,
): Promise<Order | null> {
  let isSilent = false;
  const spilled = await overflow?.find(orderId).catch(() => {
    isSilent = true;
    return null;
  }) ?? null;
  const waiting = spilled?.storeId === storeId ? spilledOrder(spilled) : null;
  try {
    const order = await readOrder(pool, storeId, orderId);
    if (order !== null || waiting !== null) return order ?? waiting;
    const letter = await findOpenLetter(pool, storeId, orderId);
    if (letter !== null) return deadOrder(letter);
    if (isSilent) throw new Refused(MAY_WAIT); // the order may be there, so it is not "missing"
    return await readOrder(pool, storeId, orderId); // it may have been committed meanwhile
  } catch (error) {
    // While the database is away, the overflow is all that can be asked.
    if (waiting !== null && isOutage(error)) return waiting;
    throw error;
  }
}

function spilledOrder(order: NewOrder): Order {
  return {
    ...unsettled,
    storeId: order.storeId,
    orderId: order.orderId,
    idempotencyKey: order.idempotencyKey,
    status: "spilled",
    currency: order.currency,
    lines: JSON.parse(order.linesJson),
    totalMinor: order.totalMinor,
    customerRef: order.customerRef,
    metadata: JSON.parse(order.metadataJson),
    placedAt: order.placedAt ?? "", // the overflow gives every order its time
  };
}

function deadOrder({ orderId, payload, placedAt, firstFailedAt }: DeadLetter): Order {
  const order = payload;
  return {
    ...unsettled,
    storeId: order.storeId,
    orderId,
    idempotencyKey: order.idempotencyKey,
    status: "dead_lettered",
    currency: order.currency,
    lines: order.lines,
    totalMinor: order.lines.reduce((sum, line) => sum + line.quantity * line.unitPriceMinor, 0),
    customerRef: order.customerRef ?? null,
    metadata: order.metadata ?? {},
    placedAt: placedAt ?? firstFailedAt,
  };
}

const unsettled = { committedAt: null, cancelledAt: null, cancelReason: null };
