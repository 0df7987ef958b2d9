/**
 * The order writer: the only way of orders into the database. `place` takes an order and resolves once
 * its fate is known: it is durable, it is stored nowhere, or nobody can tell.
 *
 * The machine decides (machine.ts). The mailbox holds the orders (mailbox.ts). The group commit stores
 * and answers them (group_commit.ts). This file puts them together and refuses orders at the door.
 */
import { type Actor, createActor, waitFor } from "xstate";
import type { OrderWriterStatus } from "../../client/contract/ops_status.ts";
import { MAX_BATCH_BULK } from "../../sql/orders/batch.ts";
import type { NewOrder } from "../../sql/orders/new_order.ts";
import { classify } from "../../sql/connection/failure.ts";
import type { BatchReport, OrderStore } from "./group_commit.ts";
import { Mailbox, type MailboxBounds } from "./mailbox/mailbox.ts";
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
  /** Orders go here while the circuit is not closed. Null: there is no overflow. */
  readonly overflow?: Overflow | null;
  readonly maxBatchOrders: number;
  /** The longest that a database call may take. A probe of the circuit gets the same time. */
  readonly statementTimeoutMs: number;
  readonly clock: ActorClock;
  readonly random: () => number;
  /** Called after every batch, before the machine decides anything else. Must not throw. */
  readonly onBatch?: (report: BatchReport) => void;
  /** Called when the machine itself fails. That is a bug. */
  readonly onBug: (error: unknown) => void;
}

export interface OrderWriter {
  /**
   * Stores an order. Resolves with the acknowledgement once the order is durable, or with a refusal.
   * An order that was sent to the database may be answered after its deadline, but at the latest one
   * `statementTimeoutMs` after it.
   */
  place(order: NewOrder, deadlineMs: number): Promise<Answer>;
  /**
   * Makes a database call that is no batch. The call is made only while the circuit is closed. Its
   * failure counts for the circuit like that of a batch. @throws the call's error.
   */
  attempt<T>(call: () => Promise<T>): Promise<T | "circuit_open">;
  status(): OrderWriterStatus;
  /** The same as in the status, without the cost of the whole status. */
  readonly circuit: OrderWriterStatus["circuit"];
  /** The same as in the status, without the cost of the whole status. */
  readonly intake: OrderWriterStatus["intake"];
  /** The stores that have waiting orders, and the orders of the longest backlog. */
  readonly backlogs: { readonly stores: number; readonly longestOrders: number };
  /** Calls `listener` after every change of the machine's state. @returns a function that ends it. */
  onChange(listener: () => void): () => void;
  /** Takes no more orders. Resolves when every order is answered. May be called twice. */
  stop(timeoutMs: number): Promise<void>;
}

/**
 * Batches that may commit at once, each on its own connection. Two, so that the database works on one
 * batch while the answers of the other are written.
 *
 * Measured without HTTP on two cores, orders a second of 16, 64, 256 and 1,000 callers, medians of ten
 * rounds in turns: 12,100, 23,400, 38,300 and 45,200 with two lanes. One lane took 1.01, 0.76, 0.81 and
 * 0.83 times as many, three lanes 0.98, 1.04, 0.94 and 1.09 times, which is within the spread.
 */
export const LANES = 2;

/**
 * A caller that finds the mailbox full is told to wait for so many batches at least, and for those that
 * take the backlog of its store. Chosen, not measured: one batch of free room would be gone before most
 * of the callers are back.
 */
const FULL_WAIT_BATCHES = 4;
/** The assumed time of a batch until the first one has ended. Chosen: the time of a slow commit. */
const FIRST_BATCH_MS = 50;

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
  /** True while batches have more than one order. */
  #isBusy = false;

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
          this.#isBusy = report.orders > 1;
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
    const refusal = this.#refusalAtDoor(order, deadlineMs);
    if (refusal !== null) return Promise.resolve({ ok: false, refusal });
    const { promise, resolve } = Promise.withResolvers<Answer>();
    const deadlineAt = this.#clock.now() + deadlineMs;
    const waitingOrder = { order, deadlineAt, answer: resolve, maybeStored: false };
    if (!this.#mailbox.offer(waitingOrder, ({ order }) => this.#fullFor(order))) {
      return Promise.resolve(this.#fullFor(order));
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
      lastErrorAt: context.lastErrorAt,
    };
  }

  get backlogs(): { readonly stores: number; readonly longestOrders: number } {
    const { stores, longestOrders } = this.#mailbox.backlogs;
    return { stores, longestOrders };
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

  #refusalAtDoor(order: NewOrder, deadlineMs: number): Refusal | null {
    const { value, context, status } = this.#actor.getSnapshot();
    if (status === "error") return BROKEN;
    if (value.intake !== "accepting") return DRAINING;
    if (value.circuit === "closed") {
      const waitMs = this.#waitMs(order);
      if (waitMs <= deadlineMs) return null;
      return queueFull(this.#mailbox.backlogs.ordersOf(order.storeId), waitMs);
    }
    if (this.#overflow?.isReady() === true) return null;
    const probing = this.#mailbox.orders + this.#mailbox.taken + context.probesPassed;
    // The first probe of a half-open circuit needs no order. Each further probe takes one.
    if (value.circuit !== "open" && probing < context.probes - 1) return null;
    return circuitOpen(retryAfterMs(context));
  }

  /** The answer to an order for which a full mailbox has no room. */
  #fullFor(order: NewOrder): Answer {
    const fullWaitMs = (this.#pace.batchMs ?? FIRST_BATCH_MS) * FULL_WAIT_BATCHES;
    const waiting = this.#mailbox.backlogs.ordersOf(order.storeId);
    const refusal = queueFull(waiting, Math.max(fullWaitMs, this.#waitMs(order)));
    return { ok: false, refusal };
  }

  /**
   * The time, milliseconds, until a batch begins that takes this order, if it comes now. Whole
   * batches go before it. A batch is full by its orders or by its bulk.
   */
  #waitMs(order: NewOrder): number {
    const { batchOrders } = this.#actor.getSnapshot().context;
    const { orders, bulk } = this.#mailbox.backlogs.ahead(order);
    return this.#pace.waitMs(
      Math.floor(Math.max(orders / batchOrders, bulk / MAX_BATCH_BULK)),
    );
  }

  /**
   * Plans one PUMP for all orders of this moment. Callers that were answered together send their
   * next orders together, and these orders should share a batch. So a busy writer waits a moment for
   * them, and an idle one does not: measured with 64 and 256 callers, a busy one that did not wait
   * stored a tenth less.
   */
  #planPump(): void {
    if (this.#pumpPlanned) return;
    this.#pumpPlanned = true;
    const plan = this.#isBusy ? this.#clock.later : this.#clock.soon;
    plan(() => {
      this.#pumpPlanned = false;
      this.#actor.send({ type: "PUMP" });
      if (this.#mailbox.orders > 0) this.#actor.send({ type: "PUMP" }); // the other lane may be free
    });
  }
}

/**
 * When the circuit opens, for how long, and how it is tried again.
 *
 * The numbers were chosen, and only their effect together was measured. The circuit opened 0.5 to
 * 1.6 s after a `kill -9` of PostgreSQL, and within 1.5 s of a SIGSTOP (statement timeout 1 s). Under
 * three times the load the writer stored 0.96 of what the database can take (`bench overload`).
 */
function circuitOptions(statementTimeoutMs: number) {
  return {
    window: new SlidingWindow({
      // Few, so that the bad calls of a new outage soon outvote the good ones from before it.
      maxCalls: 20,
      // A quiet shop makes few calls. What happened longer ago says nothing of the database now.
      maxAgeMs: 10_000,
      // One failure among two calls may be chance. Waiting for five calls costs little time,
      // because a lane tries again by itself.
      minCalls: 5,
      // The default of Resilience4j.
      failureRate: 0.5,
      // A call this slow is about to run into its timeout, and its caller into the deadline.
      slowCallMs: statementTimeoutMs * 0.8,
      // Higher than the rate of failures: slow calls still store orders.
      slowCallRate: 0.8,
    }),
    // One probe may succeed by chance. More would keep callers waiting: probes go one by one.
    probes: 2,
    // A probe is a statement, and a statement is given this long.
    probeTimeoutMs: statementTimeoutMs,
    // A batch that was sent has its answer, or its error, after this long.
    answerTimeoutMs: statementTimeoutMs,
    // First: a database that restarts is away for about a second. Most: it is found again within 10 s.
    openBackoff: { firstMs: 500, maxMs: 10_000 },
    // `firstMs` is short: two transactions that conflict are apart again after a moment. `maxMs` is
    // short too, because a caller still waits.
    retryBackoff: { firstMs: 20, maxMs: 1_000 },
  };
}
