/**
 * Commits orders of which some may be at fault. A batch that the database refuses for its data is
 * halved until each order at fault stands alone, and the others commit.
 *
 * With k orders at fault among n this costs at most 2k⌈log₂ n⌉ + 1 transactions: each order at fault
 * is met once on every level of the halving, with one good half beside it.
 */
import type { StoredOrder } from "../../sql/orders/batch.ts";
import type { NewOrder } from "../../sql/orders/new_order.ts";
import { classify, type Failure } from "../../sql/connection/failure.ts";

/** Commits orders and resolves after COMMIT. May be called again with the same orders. */
export type Commit = (
  orders: readonly NewOrder[],
) => Promise<ReadonlyMap<string, StoredOrder>>;

export interface CommitOutcome {
  /** The stored row of each order that was sent without a failure, by order id. */
  readonly stored: ReadonlyMap<string, StoredOrder>;
  /** The orders at fault, by order id, each with its failure. By default for their content. */
  readonly atFault: ReadonlyMap<string, Failure>;
  /** Why the other orders were not committed. Null: there are no others. */
  readonly failure: Failure | null;
  /** The ids of the orders that were being sent when that failure came. */
  readonly failed: ReadonlySet<string>;
}

/**
 * The failure of an order that the commit neither inserted nor found. Its row was deleted in
 * between, or could not be read. Sending the order again helps.
 */
const VANISHED: Failure = {
  kind: "contention",
  outcome: "none",
  code: "VANISHED",
  timedOut: false,
};

/** True when one order of a group may be the cause, so that the group is taken apart. */
export type MayBeOfOne = (failure: Failure, group: readonly NewOrder[]) => boolean;

const isOfData: MayBeOfOne = ({ kind }) => kind === "data";

/** Commits `orders`, at most one for each order id. Does not reject when `commit` throws. */
export async function commitApart(
  commit: Commit,
  orders: readonly NewOrder[],
  mayBeOfOne: MayBeOfOne = isOfData,
): Promise<CommitOutcome> {
  const stored = new Map<string, StoredOrder>();
  const atFault = new Map<string, Failure>();
  const groups = [orders];
  for (let group = groups.pop(); group !== undefined; group = groups.pop()) {
    try {
      for (const [orderId, row] of await commit(group)) stored.set(orderId, row);
    } catch (error) {
      const failure = classify(error);
      const [first] = group;
      if (first === undefined || !mayBeOfOne(failure, group)) {
        return { stored, atFault, failure, failed: idsOf(group) };
      }
      if (group.length === 1) atFault.set(first.orderId, failure);
      else groups.push(...halvesOf(group));
    }
  }
  const known = (order: NewOrder) => stored.has(order.orderId) || atFault.has(order.orderId);
  const vanished = orders.filter((order) => !known(order));
  return {
    stored,
    atFault,
    failure: vanished.length === 0 ? null : VANISHED,
    failed: idsOf(vanished),
  };
}

function idsOf(orders: readonly NewOrder[]): Set<string> {
  return new Set(orders.map((order) => order.orderId));
}

/** The second half comes first, because the group that is pushed last is taken next. */
function halvesOf(group: readonly NewOrder[]): [NewOrder[], NewOrder[]] {
  const middle = Math.ceil(group.length / 2);
  return [group.slice(middle), group.slice(0, middle)];
}
