/**
 * Cancelling an order: by one statement, through the writer's circuit, and only where the order is
 * committed. An order that waits in the overflow cannot be cancelled yet.
 */
import type { Cancellation, Order } from "../../client/contract/order.ts";
import { refuse } from "../../client/contract/refusal.ts";
import { Refused } from "../../client/contract/refused.ts";
import { DATABASE_AWAY, orUnavailable } from "./outage.ts";

export interface CancelOrder {
  readonly storeId: string;
  readonly orderId: string;
  readonly reason: string | null;
}

export interface CancelOptions {
  /** Makes a database call through the writer's circuit. */
  readonly attempt: <T>(call: () => Promise<T>) => Promise<T | "circuit_open">;
  /** Marks a committed order; null when the database has none of this id. */
  readonly mark: (order: CancelOrder) => Promise<Cancellation | null>;
  /** Looks for an order everywhere. @throws Refused not_found, unavailable */
  readonly find: (storeId: string, orderId: string) => Promise<Order>;
  /** Called when an order has been cancelled, so that the figures follow. */
  readonly onCancelled: () => void;
}

/** @throws Refused not_committed_yet, not_found, unavailable */
export type Cancel = (order: CancelOrder) => Promise<Cancellation>;

const NOT_COMMITTED_YET = refuse(
  "not_committed_yet",
  "the order waits in the overflow buffer, or did a moment ago: cancel it when it is committed",
  1_000,
);
const DEAD_LETTERED = refuse("not_found", "the order is a dead letter: discard that");

/** Makes the one way to cancel an order. */
export function createCancel({ attempt, mark, find, onCancelled }: CancelOptions): Cancel {
  const markThroughCircuit = async (order: CancelOrder): Promise<Cancellation | null> => {
    const cancelled = await attempt(() => mark(order));
    if (cancelled === "circuit_open") throw new Refused(DATABASE_AWAY);
    if (cancelled !== null) onCancelled();
    return cancelled;
  };
  return async (order) => {
    const { storeId, orderId } = order;
    const cancelled = await orUnavailable(markThroughCircuit(order)).catch(async (error) => {
      // While the database is away, the overflow still knows the orders that wait in it.
      const status = await find(storeId, orderId).then((found) => found.status, () => null);
      throw status === "spilled" ? new Refused(NOT_COMMITTED_YET) : error;
    });
    if (cancelled !== null) return cancelled;
    const { status } = await find(storeId, orderId);
    // Any other order waits in the overflow, or was committed after the statement ran. The caller
    // may try again.
    throw new Refused(status === "dead_lettered" ? DEAD_LETTERED : NOT_COMMITTED_YET);
  };
}
