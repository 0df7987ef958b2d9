/**
 * Commits orders of which some may be at fault. A batch that the database refuses for its data is
 * halved until each order at fault stands alone, and the others commit. An order that a trigger drops
 * without a word is at fault too.
 *
 * With k orders at fault among n this costs at most 2k⌈log₂ n⌉ + 1 transactions: each order at fault
 * is met once on every level of the halving, with one good half beside it.
 */
import type { StoredOrder } from "../../sql/orders/batch.ts";
import type { NewOrder } from "../../sql/orders/new_order.ts";
import type { BrokenRule } from "../../client/contract/broken_rule.ts";
import { brokenRule, DROPPED } from "../../sql/orders/broken_rule.ts";
import { classify, type Failure } from "../../sql/connection/failure.ts";

/** Commits orders and resolves after COMMIT. May be called again with the same orders. */
export type Commit = (
  orders: readonly NewOrder[],
) => Promise<ReadonlyMap<string, StoredOrder>>;

export interface CommitOutcome {
  /** The stored row of each order that was sent without a failure, by order id. */
  readonly stored: ReadonlyMap<string, StoredOrder>;
  /** The orders that the database refused for their content, by order id, each with its rule. */
  readonly atFault: ReadonlyMap<string, BrokenRule>;
  /** The orders that failed alone for another reason, by order id. By default there are none. */
  readonly failedAlone: ReadonlyMap<string, Failure>;
  /** Why the other orders were not committed. Null: there are no others. */
  readonly failure: Failure | null;
  /** The ids of the orders that were being sent when that failure came. */
  readonly failed: ReadonlySet<string>;
}

/** True when the database stores something now. */
export function takesOrders(commit: Commit): Promise<boolean> {
  return commit([]).then(() => true, () => false);
}

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
  const atFault = new Map<string, BrokenRule>();
  const failedAlone = new Map<string, Failure>();
  const groups = [orders];
  for (let group = groups.pop(); group !== undefined; group = groups.pop()) {
    try {
      for (const [orderId, row] of await commit(group)) stored.set(orderId, row);
    } catch (error) {
      const failure = classify(error);
      const [first] = group;
      if (first === undefined || !mayBeOfOne(failure, group)) {
        return { stored, atFault, failedAlone, failure, failed: idsOf(group) };
      }
      if (group.length === 1 && failure.kind === "data") {
        atFault.set(first.orderId, brokenRule(error, first));
      } else if (group.length === 1) failedAlone.set(first.orderId, failure);
      else groups.push(...halvesOf(group));
    }
  }
  const known = ({ orderId }: NewOrder) =>
    stored.has(orderId) || atFault.has(orderId) || failedAlone.has(orderId);
  // The commit neither inserted nor found these. A row that could not be read, or that was deleted in
  // between, is there the second time.
  for (const order of orders.filter((order) => !known(order))) {
    try {
      const row = (await commit([order])).get(order.orderId);
      if (row === undefined) atFault.set(order.orderId, DROPPED);
      else stored.set(order.orderId, row);
    } catch (error) {
      const failure = classify(error);
      if (failure.kind !== "data") {
        return { stored, atFault, failedAlone, failure, failed: idsOf([order]) };
      }
      atFault.set(order.orderId, brokenRule(error, order));
    }
  }
  return { stored, atFault, failedAlone, failure: null, failed: new Set() };
}

function idsOf(orders: readonly NewOrder[]): Set<string> {
  return new Set(orders.map((order) => order.orderId));
}

/** The second half comes first, because the group that is pushed last is taken next. */
function halvesOf(group: readonly NewOrder[]): [NewOrder[], NewOrder[]] {
  const middle = Math.ceil(group.length / 2);
  return [group.slice(middle), group.slice(0, middle)];
}
