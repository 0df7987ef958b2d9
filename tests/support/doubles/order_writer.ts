/**
 * An order writer in simulated time over a scripted store, and the answers that its callers get.
 */
import {
  type OrderWriterOptions,
  startOrderWriter,
} from "../../../actors/order_writer/order_writer.ts";
import type { Answer } from "../../../client/contract/order.ts";
import type { NewOrder } from "../../../sql/orders/new_order.ts";
import { anOrder } from "../load/orders.ts";
import { ScriptedStore, socketError } from "./scripted_store.ts";
import { SimulatedClock } from "./simulated_clock.ts";

/** A writer over a scripted store in simulated time. */
export function aWriter(options: Partial<OrderWriterOptions> = {}) {
  const clock = new SimulatedClock();
  const store = new ScriptedStore();
  const bugs: unknown[] = [];
  const writer = startOrderWriter({
    store,
    maxOrders: 10_000,
    maxBytes: 1 << 26,
    maxBatchOrders: 1_000,
    statementTimeoutMs: 1_000,
    clock,
    random: () => 0.999,
    onBug: (error) => bugs.push(error),
    ...options,
  });
  /** Places an order, and keeps the answer when it comes. */
  const place = (order: NewOrder, deadlineMs = 5_000) => {
    const placed: { answer: Answer | null; ms: number | null } = { answer: null, ms: null };
    const begunAt = clock.now();
    writer.place(order, deadlineMs).then((answer) => {
      placed.answer = answer;
      placed.ms = clock.now() - begunAt;
    });
    return placed;
  };
  return { clock, store, writer, place, bugs };
}

/** The answer in one word: the refusal's reason, `replayed`, the status, or `nothing`. */
export function said({ answer }: { answer: Answer | null }): string {
  if (answer === null) return "nothing";
  if (!answer.ok) return answer.refusal.reason;
  return answer.acknowledgement.replayed ? "replayed" : answer.acknowledgement.status;
}

/** Opens the circuit: every commit fails, and none stores anything. */
export async function openCircuit({ clock, store, place }: ReturnType<typeof aWriter>) {
  store.before = () => Promise.reject(socketError("ECONNREFUSED"));
  const placed = place(anOrder());
  await clock.advance(400);
  return placed;
}

/** Places an order and waits 50 ms for its answer. */
export async function placedLater(
  place: ReturnType<typeof aWriter>["place"],
  order: NewOrder,
  clock: SimulatedClock,
) {
  const placed = place(order);
  await clock.advance(50);
  return placed;
}
