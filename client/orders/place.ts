/**
 * Placing one order: tries until Weir has it, has refused it for good, or the time is over. Each try has
 * the same key, so the order is stored once, however many tries it takes.
 *
 * Tested in tests/client/orders/place_test.ts and tests/client/orders/hostile_test.ts.
 */
import { ALONE, ONCE, type Transport } from "../api/transport.ts";
import type { WeirError } from "../api/weir_error.ts";
import type { Acknowledgement } from "../contract/mod.ts";
import { type Attempt, attempt, refusedForMs, SHORTEST_TRY_MS, tryTimes } from "./attempt.ts";
import { backoffMs, type Clock, delay } from "../clock.ts";
import { type KeyedOrder, nameOf, type NewOrder, prepareOrder } from "./new_order.ts";
import type { Pace } from "./pace.ts";
import { type CallOptions, TimeLimit } from "./time_limit.ts";
import { Tries } from "./tries.ts";

/** The parts of a client that placing needs. */
export interface Placing {
  readonly transport: Pick<Transport, "api" | "token" | "isOnce">;
  readonly pace: Pace;
  readonly clock: Clock;
  /** Aborts when the client is closed. */
  readonly closed: AbortSignal;
}

/** An order that Weir has. */
export interface Placed extends Acknowledgement {
  readonly idempotencyKey: string;
}

/**
 * Places an order. A refusal for now is waited out as long as it says, and a while besides; a try without
 * an answer is repeated. What cannot pass is not tried again.
 * @throws PlaceError with the reason, and whether the order may be stored all the same; TypeError when
 * the order cannot be written as JSON
 */
export async function place(
  placing: Placing,
  newOrder: NewOrder,
  options: CallOptions = {},
): Promise<Placed> {
  const { order } = prepareOrder(newOrder);
  const limit = new TimeLimit(placing.clock, options, placing.closed);
  try {
    return await placeWithin(placing, order, limit);
  } finally {
    limit.release();
  }
}

async function placeWithin(
  placing: Placing,
  order: KeyedOrder,
  limit: TimeLimit,
): Promise<Placed> {
  const name = nameOf(order);
  const tries = new Tries(placing.transport.isOnce);
  for (;;) {
    if (limit.end !== null || limit.leftMs < SHORTEST_TRY_MS) throw tries.endedBy(name, limit);
    const outcome = await tryWithin(placing, order, limit);
    if (outcome === null) throw tries.endedBy(name, limit);
    if (outcome.ok) return { ...outcome.result, idempotencyKey: order.idempotencyKey };
    const { error } = outcome;
    const mayPass = tries.failed(error) && limit.end === null &&
      await waitAfter(placing.clock, error, tries, limit);
    if (!mayPass) throw tries.endedBy(name, limit);
  }
}

/** One try; null: the time was over before its turn. */
async function tryWithin(
  placing: Placing,
  order: KeyedOrder,
  limit: TimeLimit,
): Promise<Attempt<Acknowledgement> | null> {
  try {
    return await tryToPlace(placing, order, { leftMs: () => limit.leftMs, signal: limit.signal });
  } catch (error) {
    if (limit.end !== null && error === limit.end) return null;
    throw error;
  }
}

export interface TryOptions {
  /** The time that a try may take, milliseconds. */
  readonly leftMs: () => number;
  readonly signal: AbortSignal;
  /** Awaited when it is the order's turn, before it leaves. */
  readonly onTurn?: () => Promise<void>;
}

/**
 * Makes one try, when the pace of the client allows it.
 * @throws the signal's reason when it aborts before, and what `onTurn` throws
 */
export async function tryToPlace(
  { transport: { api, token }, pace, clock }: Placing,
  order: KeyedOrder,
  { leftMs, signal, onTurn }: TryOptions,
): Promise<Attempt<Acknowledgement>> {
  return await pace.run(
    async () => {
      await onTurn?.();
      const { timeoutMs, serverMs } = tryTimes(leftMs());
      const input = { ...order, deadlineMs: serverMs };
      const together = await attempt(
        { clock, token },
        timeoutMs,
        (signal) => api.orders.place.mutate(input, { signal, context: ONCE }),
        signal,
      );
      if (together.ok || together.error.reason !== "payload_too_large") return together;
      // Its neighbours in the request may have been too large.
      return await attempt(
        { clock, token },
        timeoutMs,
        (signal) => api.orders.place.mutate(input, { signal, context: ALONE }),
        signal,
      );
    },
    refusedForMs,
    signal,
  );
}

/** Waits until another try makes sense. @returns false when there is no time for it */
async function waitAfter(
  clock: Clock,
  error: WeirError,
  tries: Tries,
  limit: TimeLimit,
): Promise<boolean> {
  const waitMs = (error.retryAfterMs ?? 0) + backoffMs(clock, tries.count);
  if (waitMs + SHORTEST_TRY_MS > limit.leftMs) return false;
  await delay(clock, waitMs, limit.signal).catch(() => undefined);
  return limit.end === null;
}
