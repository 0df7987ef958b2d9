/**
 * Placing many orders: in calls as large as the contract allows, each order with a fate of its own. An
 * order that is refused for now, or has no answer, goes into a later call of the same chunk.
 *
 * Tested in tests/client/orders/place_many_test.ts and tests/client/orders/hostile_test.ts.
 */
import { ALONE } from "../api/transport.ts";
import { type NamedOrder, PlaceError, WeirError } from "../api/weir_error.ts";
import type { Acknowledgement, PlaceResult } from "../contract/mod.ts";
import { type Attempt, attempt, refusedForMs, SHORTEST_TRY_MS, tryTimes } from "./attempt.ts";
import { backoffMs, delay } from "../clock.ts";
import { deferred } from "../deferred.ts";
import { type KeyedOrder, nameOf, type NewOrder, prepareOrder } from "./new_order.ts";
import type { Placing } from "./place.ts";
import { type CallOptions, TimeLimit } from "./time_limit.ts";
import { mayPassLater } from "../api/verdict.ts";
import { Tries } from "./tries.ts";

/** The end of one order of many. */
export type Fate =
  | (NamedOrder & {
    readonly state: "committed" | "spilled";
    readonly acknowledgement: Acknowledgement;
  })
  | (NamedOrder & {
    /** `unknown`: it may be stored. `refused`: it is not. */
    readonly state: "refused" | "unknown";
    readonly error: PlaceError;
  });

/** The contract's bounds of one call, with room for what stands around the orders. */
const MOST_ORDERS = 500;
const MOST_CHARACTERS = 300_000;
/** Calls under way at once: the next one is written while the server works on the one before. */
const CALLS_AT_ONCE = 2;

/** An order of many, on its way to its fate. */
interface Pending {
  readonly order: KeyedOrder;
  readonly jsonLength: number;
  readonly name: NamedOrder;
  readonly tries: Tries;
  readonly settle: (fate: Fate) => void;
  /** The time before which another try is of no use. */
  dueAt: number;
}

/**
 * Places many orders.
 * @returns the fates, in the order of `newOrders`. A refusal does not throw.
 * @throws TypeError when an order cannot be written as JSON; then nothing was sent
 */
export async function placeMany(
  placing: Placing,
  newOrders: readonly NewOrder[],
  options: CallOptions = {},
): Promise<Fate[]> {
  if (!Array.isArray(newOrders)) throw new TypeError("placeMany takes an array of orders");
  const fates: Promise<Fate>[] = [];
  const pending = newOrders.map((newOrder): Pending => {
    const { promise, resolve: settle } = deferred<Fate>();
    fates.push(promise);
    const { order, jsonLength } = prepareOrder(newOrder);
    return {
      order,
      jsonLength,
      name: nameOf(order),
      tries: new Tries(placing.transport.isOnce),
      settle,
      dueAt: -Infinity,
    };
  });
  const chunks = chunksOf(pending);
  const limit = new TimeLimit(placing.clock, options, placing.closed);
  const work = async () => {
    for (let chunk = chunks.shift(); chunk !== undefined; chunk = chunks.shift()) {
      await settleChunk(placing, chunk, limit);
    }
  };
  try {
    await Promise.all(Array.from({ length: CALLS_AT_ONCE }, work));
  } finally {
    limit.release();
  }
  return await Promise.all(fates);
}

function chunksOf(pending: readonly Pending[]): Pending[][] {
  const chunks: Pending[][] = [];
  let characters = Infinity;
  for (const one of pending) {
    const size = one.jsonLength;
    const chunk = chunks.at(-1);
    if (
      chunk === undefined || chunk.length === MOST_ORDERS || characters + size > MOST_CHARACTERS
    ) {
      chunks.push([one]);
      characters = size;
    } else {
      chunk.push(one);
      characters += size;
    }
  }
  return chunks;
}

/** Tries the orders of a chunk until each has its fate. */
async function settleChunk(placing: Placing, chunk: Pending[], limit: TimeLimit): Promise<void> {
  const { clock } = placing;
  for (let left = chunk; left.length > 0;) {
    const dueAt = Math.min(...left.map((one) => one.dueAt));
    const isInTime = dueAt - clock.now() + SHORTEST_TRY_MS <= limit.leftMs;
    if (isInTime) await waitUntil(placing, dueAt, limit);
    if (!isInTime || limit.end !== null) return left.forEach((one) => giveUp(one, limit));
    const due = left.filter((one) => one.dueAt <= clock.now());
    const later = left.filter((one) => !due.includes(one));
    left = [...await tryTogether(placing, due, limit), ...later];
  }
}

async function waitUntil({ clock }: Placing, dueAt: number, limit: TimeLimit): Promise<void> {
  const waitMs = dueAt - clock.now();
  if (waitMs > 0) await delay(clock, waitMs, limit.signal).catch(() => undefined);
}

/** Makes one call. @returns the orders that need another one */
async function tryTogether(
  placing: Placing,
  due: readonly Pending[],
  limit: TimeLimit,
): Promise<readonly Pending[]> {
  const outcome = await callWith(placing, due, limit);
  if (outcome === null) return due;
  if (outcome.ok) return due.filter((one, at) => !hasSettled(placing, one, outcome.result[at]));
  const { error } = outcome;
  if (error.reason === "payload_too_large" && due.length > 1) {
    const half = Math.ceil(due.length / 2);
    return [
      ...await tryTogether(placing, due.slice(0, half), limit),
      ...await tryTogether(placing, due.slice(half), limit),
    ];
  }
  return due.filter((one) => !hasFailed(placing, one, error));
}

/** The results of one call; null: the time was over before it began. */
async function callWith(
  { transport: { api, token }, pace, clock }: Placing,
  due: readonly Pending[],
  limit: TimeLimit,
): Promise<Attempt<readonly PlaceResult[]> | null> {
  try {
    return await pace.run(
      () => {
        const { timeoutMs, serverMs } = tryTimes(limit.leftMs);
        const orders = due.map(({ order }) => ({ ...order, deadlineMs: serverMs }));
        const call = async (signal: AbortSignal) =>
          (await api.orders.placeMany.mutate({ orders }, { signal, context: ALONE })).results;
        return attempt({ clock, token }, timeoutMs, call, limit.signal);
      },
      leastRefusalMs,
      limit.signal,
    );
  } catch (error) {
    if (limit.end !== null && error === limit.end) return null;
    throw error;
  }
}

/** The time for which the server asks not to be called: that of the order which is to wait least. */
function leastRefusalMs(outcome: Attempt<readonly PlaceResult[]>): number | null {
  if (!outcome.ok) return refusedForMs(outcome);
  const waits = outcome.result.flatMap((result) =>
    !result.ok && mayPassLater(result.error.reason) ? result.error.retryAfterMs ?? 0 : []
  );
  return waits.length === 0 ? null : Math.min(...waits);
}

function hasSettled(placing: Placing, one: Pending, result: PlaceResult | undefined): boolean {
  if (result === undefined) {
    return hasFailed(placing, one, new WeirError("no_answer", "the answer lacks this order"));
  }
  if (!result.ok) {
    const { reason, message, ...details } = result.error;
    return hasFailed(placing, one, new WeirError(reason, message, details));
  }
  const { ok: _, ...acknowledgement } = result;
  one.settle({ ...one.name, state: acknowledgement.status, acknowledgement });
  return true;
}

/** Counts a failed try. @returns true when the order has its fate by it */
function hasFailed({ clock }: Placing, one: Pending, error: WeirError): boolean {
  const { tries, name } = one;
  if (tries.failed(error)) {
    one.dueAt = clock.now() + (error.retryAfterMs ?? 0) + backoffMs(clock, tries.count);
    return false;
  }
  settleAsFailed(one, tries.errorOf(name, null));
  return true;
}

function giveUp(one: Pending, limit: TimeLimit): void {
  settleAsFailed(one, one.tries.endedBy(one.name, limit));
}

function settleAsFailed({ name, settle }: Pending, error: PlaceError): void {
  settle({ ...name, state: error.mayBeStored ? "unknown" : "refused", error });
}
