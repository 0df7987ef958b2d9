/**
 * The order writer: the door to the database for orders. `place` takes an order and resolves when
 * it is durable, or when surely or possibly it is not, and says which.
 *
 * The machine decides (order_writer_machine.ts), the mailbox holds (mailbox.ts), the group commit
 * commits and answers (group_commit.ts); this handle puts them together and looks at the door.
 */
import { createActor, waitFor } from "xstate";
import type { NewOrder } from "../sql/order.ts";
import type { BatchReport, OrderStore } from "./group_commit.ts";
import { type Answer, Mailbox, type MailboxBounds } from "./mailbox.ts";
import { orderWriterMachine } from "./order_writer_machine.ts";
import { RecentTimes } from "./recent_times.ts";
import { circuitOpen, DRAINING, queueFull } from "./order_refusals.ts";
import type { Refusal } from "./refusal.ts";
import { SlidingWindow } from "./sliding_window.ts";
import type { ActorClock } from "./clock.ts";

export interface OrderWriterOptions extends MailboxBounds {
  readonly store: OrderStore;
  readonly maxBatchOrders: number;
  /** What a database call may take; the circuit's probes are given as much. */
  readonly statementTimeoutMs: number;
  readonly clock: ActorClock;
  readonly random: () => number;
  /** Called after every batch, before nothing else is decided; it must not throw. */
  readonly onBatch?: (report: BatchReport) => void;
  /** Called when the machine itself fails, which is a bug. */
  readonly onBug: (error: unknown) => void;
}

export interface OrderWriterStatus {
  readonly circuit: "closed" | "open" | "half_open";
  readonly intake: "accepting" | "draining" | "stopped";
  readonly queuedOrders: number;
  readonly queuedBytes: number;
  readonly inFlightBatches: number;
  readonly commitMsP50: number | null;
  readonly commitMsP99: number | null;
  /** The SQLSTATE or socket error of the latest failed batch. */
  readonly lastError: string | null;
}

export interface OrderWriter {
  /** Answers when the order is durable or surely is not, at the latest around its deadline. */
  place(order: NewOrder, deadlineMs: number): Promise<Answer>;
  status(): OrderWriterStatus;
  /** Calls `listener` after every change of the machine's state. @returns what ends that. */
  onChange(listener: () => void): () => void;
  /** Takes no more orders, and resolves when all that were taken are answered. Legal twice. */
  stop(timeoutMs: number): Promise<void>;
}

/** Makes and starts an order writer. */
export function createOrderWriter(options: OrderWriterOptions): OrderWriter {
  const { clock } = options;
  const mailbox = new Mailbox(options);
  const commitTimes = new RecentTimes();
  const actor = createActor(orderWriterMachine, {
    clock,
    input: {
      mailbox,
      store: options.store,
      window: new SlidingWindow({
        maxCalls: 20,
        maxAgeMs: 10_000,
        minCalls: 5,
        failureRate: 0.5,
        slowCallMs: options.statementTimeoutMs * 0.8,
        slowCallRate: 0.8,
      }),
      maxBatchOrders: options.maxBatchOrders,
      probes: 2,
      probeTimeoutMs: options.statementTimeoutMs,
      openBackoff: { firstMs: 500, maxMs: 10_000 },
      retryBackoff: { firstMs: 20, maxMs: 1_000 },
      now: clock.now,
      random: options.random,
      onBatch: (report) => {
        commitTimes.record(report.commitMs);
        options.onBatch?.(report);
      },
    },
  });
  actor.subscribe({ error: options.onBug });
  actor.start();

  let pumpPlanned = false;
  /** Not at once: callers that were answered together send their next orders together. */
  const planPump = () => {
    if (pumpPlanned) return;
    pumpPlanned = true;
    clock.soon(() => {
      pumpPlanned = false;
      actor.send({ type: "PUMP" });
      if (mailbox.orders > 0) actor.send({ type: "PUMP" }); // the other lane may be free too
    });
  };

  const refusalAtDoor = (): Refusal | null => {
    const { value, context } = actor.getSnapshot();
    if (value.intake !== "accepting") return DRAINING;
    if (value.circuit === "closed") return null;
    const isProbe = value.circuit !== "open" &&
      mailbox.orders + mailbox.taken + context.probesPassed < context.probes - 1;
    return isProbe ? null : circuitOpen(context.halfOpenAt - clock.now());
  };

  return {
    place: (order, deadlineMs) => {
      const refusal = refusalAtDoor();
      if (refusal !== null) return Promise.resolve({ ok: false, refusal });
      const { promise, resolve } = Promise.withResolvers<Answer>();
      const deadlineAt = clock.now() + deadlineMs;
      if (!mailbox.offer({ order, deadlineAt, answer: resolve, maybeStored: false })) {
        const retryAfterMs = (commitTimes.quantile(0.5) ?? 50) * 4;
        return Promise.resolve({ ok: false, refusal: queueFull(retryAfterMs) });
      }
      planPump();
      return promise;
    },
    status: () => {
      const { value, context } = actor.getSnapshot();
      const lanes = Object.values(value.lanes);
      return {
        circuit: typeof value.circuit === "string" ? value.circuit : "half_open",
        intake: value.intake,
        queuedOrders: mailbox.orders,
        queuedBytes: mailbox.bytes,
        inFlightBatches: lanes.filter((lane) => lane === "committing").length,
        commitMsP50: commitTimes.quantile(0.5),
        commitMsP99: commitTimes.quantile(0.99),
        lastError: context.lastError,
      };
    },
    onChange: (listener) => {
      const subscription = actor.subscribe({ next: listener, error: () => undefined });
      return () => subscription.unsubscribe();
    },
    stop: async (timeoutMs) => {
      actor.send({ type: "STOP", timeoutMs });
      await waitFor(actor, ({ value }) => value.intake === "stopped");
      actor.stop();
    },
  };
}
