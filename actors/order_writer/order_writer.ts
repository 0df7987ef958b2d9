/**
 * The order writer: the door to the database for orders. `place` takes an order and resolves when
 * it is durable, or when surely or possibly it is not, and says which.
 *
 * The machine decides (machine.ts), the mailbox holds (mailbox.ts), the group commit
 * commits and answers (group_commit.ts); this handle puts them together and looks at the door.
 */
import { type Actor, createActor, waitFor } from "xstate";
import type { OrderWriterStatus } from "../../client/contract/ops_status.ts";
import { MAX_BATCH_LINES } from "../../sql/orders/batch.ts";
import type { NewOrder } from "../../sql/orders/new_order.ts";
import { classify } from "../../sql/connection/failure.ts";
import type { BatchReport, OrderStore } from "./group_commit.ts";
import { Mailbox, type MailboxBounds } from "./mailbox.ts";
import { retryAfterMs } from "./behaviour.ts";
import { orderWriterMachine } from "./machine.ts";
import type { Overflow } from "./group_spill.ts";
import { Pace } from "./pace.ts";
import { RecentTimes } from "./recent_times.ts";
import { BROKEN, circuitOpen, DRAINING, queueFull, unlessStored } from "./order_refusals.ts";
import type { Refusal } from "../../client/contract/refusal.ts";
import { SlidingWindow } from "./sliding_window.ts";
import type { ActorClock } from "../clock.ts";
import type { Answer } from "../../client/contract/order.ts";

export interface OrderWriterOptions extends MailboxBounds {
  readonly store: OrderStore;
  /** Where orders go while the circuit is not closed; null: nowhere. */
  readonly overflow?: Overflow | null;
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

export interface OrderWriter {
  /**
   * Answers when the order is durable or surely is not; when it was sent and nothing came of it, one
   * `statementTimeoutMs` after its deadline at the latest.
   */
  place(order: NewOrder, deadlineMs: number): Promise<Answer>;
  /**
   * Makes a database call that is no batch, through the circuit: not made at all unless it is closed,
   * and when it fails counted like a batch. @throws what the call throws.
   */
  attempt<T>(call: () => Promise<T>): Promise<T | "circuit_open">;
  status(): OrderWriterStatus;
  /** As in the status, but cheap. */
  readonly circuit: OrderWriterStatus["circuit"];
  /** As in the status, but cheap. */
  readonly intake: OrderWriterStatus["intake"];
  /** Calls `listener` after every change of the machine's state. @returns what ends that. */
  onChange(listener: () => void): () => void;
  /** Takes no more orders, and resolves when all that were taken are answered. Legal twice. */
  stop(timeoutMs: number): Promise<void>;
}

/** Batches in flight at once, each on a connection of its own. */
export const LANES = 2;

/** Makes and starts an order writer. */
export function startOrderWriter(options: OrderWriterOptions): OrderWriter {
  return new MachineOrderWriter(options);
}

class MachineOrderWriter implements OrderWriter {
  readonly #clock: ActorClock;
  readonly #mailbox: Mailbox;
  readonly #overflow: Overflow | null;
  readonly #commitTimes = new RecentTimes();
  readonly #pace: Pace;
  readonly #actor: Actor<typeof orderWriterMachine>;
  #pumpPlanned = false;

  constructor(options: OrderWriterOptions) {
    this.#clock = options.clock;
    this.#mailbox = new Mailbox(options);
    this.#overflow = options.overflow ?? null;
    this.#pace = new Pace(LANES, options.clock.now);
    this.#actor = createActor(orderWriterMachine, {
      clock: options.clock,
      input: {
        ...circuitOptions(options.statementTimeoutMs),
        mailbox: this.#mailbox,
        pace: this.#pace,
        store: options.store,
        overflow: this.#overflow,
        maxBatchOrders: options.maxBatchOrders,
        now: options.clock.now,
        random: options.random,
        onBatch: (report) => {
          this.#commitTimes.record(report.commitMs);
          options.onBatch?.(report);
        },
      },
    });
    this.#actor.subscribe({
      error: (error) => {
        options.onBug(error);
        this.#mailbox.dismissAll((waitingOrder) => unlessStored(waitingOrder, BROKEN));
      },
    });
    this.#actor.start();
  }

  place(order: NewOrder, deadlineMs: number): Promise<Answer> {
    const refusal = this.#refusalAtDoor(deadlineMs);
    if (refusal !== null) return Promise.resolve({ ok: false, refusal });
    const { promise, resolve } = Promise.withResolvers<Answer>();
    const deadlineAt = this.#clock.now() + deadlineMs;
    if (!this.#mailbox.offer({ order, deadlineAt, answer: resolve, maybeStored: false })) {
      const retryAfterMs = (this.#pace.batchMs ?? 50) * 4;
      return Promise.resolve({ ok: false, refusal: queueFull(retryAfterMs) });
    }
    this.#planPump();
    return promise;
  }

  async attempt<T>(call: () => Promise<T>): Promise<T | "circuit_open"> {
    if (this.circuit !== "closed") return "circuit_open";
    try {
      return await call();
    } catch (error) {
      const { status } = this.#actor.getSnapshot();
      if (status === "active") this.#actor.send({ type: "CALL_FAILED", failure: classify(error) });
      throw error;
    }
  }

  get circuit(): OrderWriterStatus["circuit"] {
    const { circuit } = this.#actor.getSnapshot().value;
    return typeof circuit === "string" ? circuit : "half_open";
  }

  get intake(): OrderWriterStatus["intake"] {
    return this.#actor.getSnapshot().value.intake;
  }

  status(): OrderWriterStatus {
    const { value, context } = this.#actor.getSnapshot();
    return {
      circuit: this.circuit,
      intake: this.intake,
      queuedOrders: this.#mailbox.orders,
      queuedBytes: this.#mailbox.bytes,
      inFlightBatches: Object.values(value.lanes).filter((lane) => lane === "committing").length,
      commitMsP50: this.#commitTimes.quantile(0.5),
      commitMsP99: this.#commitTimes.quantile(0.99),
      lastError: context.lastError,
    };
  }

  onChange(listener: () => void): () => void {
    const subscription = this.#actor.subscribe({ next: listener, error: () => undefined });
    return () => subscription.unsubscribe();
  }

  async stop(timeoutMs: number): Promise<void> {
    this.#actor.send({ type: "STOP", timeoutMs });
    await waitFor(this.#actor, ({ value }) => value.intake === "stopped");
    this.#actor.stop();
  }

  #refusalAtDoor(deadlineMs: number): Refusal | null {
    const { value, context, status } = this.#actor.getSnapshot();
    if (status === "error") return BROKEN;
    if (value.intake !== "accepting") return DRAINING;
    if (value.circuit === "closed") {
      const waitMs = this.#pace.waitMs(this.#batchesAhead(context.batchOrders));
      return waitMs > deadlineMs ? queueFull(waitMs) : null;
    }
    if (this.#overflow?.isReady() === true) return null;
    const probing = this.#mailbox.orders + this.#mailbox.taken + context.probesPassed;
    // The first probe of a half-open circuit needs no order; the others are the next ones to come.
    if (value.circuit !== "open" && probing < context.probes - 1) return null;
    return circuitOpen(retryAfterMs(context));
  }

  /** Full batches that wait; one is full by its orders or by its lines. */
  #batchesAhead(batchOrders: number): number {
    const { orders, lines } = this.#mailbox;
    return Math.floor(Math.max(orders / batchOrders, lines / MAX_BATCH_LINES));
  }

  /** Not at once: callers that were answered together send their next orders together. */
  #planPump(): void {
    if (this.#pumpPlanned) return;
    this.#pumpPlanned = true;
    this.#clock.soon(() => {
      this.#pumpPlanned = false;
      this.#actor.send({ type: "PUMP" });
      if (this.#mailbox.orders > 0) this.#actor.send({ type: "PUMP" }); // the other lane may be free
    });
  }
}

/** When the circuit opens, for how long, and how it is tried again. */
function circuitOptions(statementTimeoutMs: number) {
  return {
    window: new SlidingWindow({
      maxCalls: 20,
      maxAgeMs: 10_000,
      minCalls: 5,
      failureRate: 0.5,
      slowCallMs: statementTimeoutMs * 0.8,
      slowCallRate: 0.8,
    }),
    probes: 2,
    probeTimeoutMs: statementTimeoutMs,
    answerTimeoutMs: statementTimeoutMs,
    openBackoff: { firstMs: 500, maxMs: 10_000 },
    retryBackoff: { firstMs: 20, maxMs: 1_000 },
  };
}
