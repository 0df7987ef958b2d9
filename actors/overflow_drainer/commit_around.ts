/**
 * Commits a batch out of the overflow around the orders that keep failing in it.
 *
 * An order at fault for its content fails alone (bisect.ts). Other errors fail the whole batch,
 * because as a rule the database is their cause. But one order alone can cause such an error too: by
 * a damaged page of an index, or by a bug. Its batch would then wait for ever. So the database is asked with an empty batch. If it takes that, the batch is taken
 * apart as well, and the orders that fail alone are stuck.
 *
 * If orders fail alone and none can be stored, the database is the cause after all.
 *
 * Tested in tests/actors/overflow_drainer/set_aside_test.ts.
 */
import { classify, type Failure, isNotSent } from "../../sql/connection/failure.ts";
import type { NewOrder } from "../../sql/orders/new_order.ts";
import {
  type Commit,
  commitApart,
  type CommitOutcome,
  takesOrders,
} from "../order_writer/bisect.ts";

export interface AroundOutcome extends CommitOutcome {
  /** The orders that failed alone, and not for their content, by order id. */
  readonly stuck: ReadonlyMap<string, Failure>;
}

/** So many orders that fail alone, and none that is stored, are an outage. */
const FAILED_ALONE = 2;

/** Commits `orders`, at most one for each order id. Does not reject when `commit` throws. */
export async function commitAround(
  commit: Commit,
  orders: readonly NewOrder[],
): Promise<AroundOutcome> {
  const first = await commitApart(commit, orders);
  const others = orders.filter(({ orderId }) =>
    !first.stored.has(orderId) && !first.atFault.has(orderId)
  );
  const isDoubtful = first.failure !== null && mayBeOfOne(first.failure, others) &&
    await takesOrders(commit);
  if (!isDoubtful) return { ...first, stuck: new Map() };
  const second = await takeApart(commit, others);
  return {
    ...second,
    stored: new Map([...first.stored, ...second.stored]),
    atFault: new Map([...first.atFault, ...second.atFault]),
  };
}

async function takeApart(commit: Commit, orders: readonly NewOrder[]): Promise<AroundOutcome> {
  let anyStored = false;
  let failedAlone = 0;
  const noting: Commit = async (group) => {
    const rows = await commit(group);
    anyStored = true;
    return rows;
  };
  // The newest orders come first, because the oldest ones are those that failed before.
  const outcome = await commitApart(noting, [...orders].reverse(), (failure, group) => {
    if (failure.kind === "data") return true;
    if (!mayBeOfOne(failure, group)) return false;
    if (group.length === 1) failedAlone++;
    return anyStored || failedAlone < FAILED_ALONE;
  });
  const isOutage = outcome.failure !== null && !anyStored;
  return { ...outcome, stuck: isOutage ? new Map() : outcome.failedAlone };
}

/**
 * False for an error that one order cannot cause, or that passes by itself. A batch that took too
 * long is halved by the machine, so only its last order is doubtful.
 */
function mayBeOfOne(failure: Failure, group: readonly NewOrder[]): boolean {
  if (failure.kind !== "infrastructure" || isNotSent(failure)) return false;
  if (failure.timedOut) return failure.outcome === "none" && group.length === 1;
  return failure.outcome === "none" || failure.code === BUG;
}

/** The code of an error that no server and no driver gave. Committing twice adds nothing. */
const BUG = classify(new Error("a bug")).code;
