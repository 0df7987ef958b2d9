/**
 * What the order writer's machine can do and ask, by name: its context, events, effects, guards,
 * actions and delays. When they are done is in machine.ts.
 */
import { and, assign, fromPromise, not, raise, setup, stateIn } from "xstate";
import { backoffMs, type BackoffOptions } from "../backoff.ts";
import { grownBound, halvedBound } from "../batch_bound.ts";
import { type Failure, isSilence } from "../../sql/connection/failure.ts";
import { type BatchReport, groupCommit, type OrderStore } from "./group_commit.ts";
import type { Mailbox } from "./mailbox.ts";
import { groupSpill, type Overflow, type SpillReport } from "./group_spill.ts";
import * as refusals from "./order_refusals.ts";
import type { Pace } from "./pace.ts";
import type { SlidingWindow } from "./sliding_window.ts";

/** What the machine works with; everything that is not a decision comes from outside. */
export interface OrderWriterInput {
  readonly mailbox: Mailbox;
  readonly pace: Pace;
  readonly store: OrderStore;
  /** Where orders go while the circuit is not closed; null: nowhere. */
  readonly overflow: Overflow | null;
  readonly window: SlidingWindow;
  readonly maxBatchOrders: number;
  /** Batches that have to succeed before a half-open circuit closes. */
  readonly probes: number;
  /** A probe that has not answered by then has failed. */
  readonly probeTimeoutMs: number;
  /** How long past its deadline an order that was sent may wait for its answer. */
  readonly answerTimeoutMs: number;
  readonly openBackoff: BackoffOptions;
  readonly retryBackoff: BackoffOptions;
  /** Monotonic, milliseconds. */
  readonly now: () => number;
  /** 0 to 1, exclusive. */
  readonly random: () => number;
  readonly onBatch: (report: BatchReport) => void;
}

interface OrderWriterContext extends OrderWriterInput {
  /** At most this many orders in the next batch: halved by a timeout, grown back by success. */
  readonly batchOrders: number;
  readonly failuresInARow: number;
  readonly openingsInARow: number;
  readonly probesPassed: number;
  /** When the circuit will be half open, by `now`; it means nothing while the circuit is closed. */
  readonly halfOpenAt: number;
  /** The code of the latest failure. */
  readonly lastError: string | null;
  readonly drainMs: number;
}

interface ProbeInput extends OrderWriterContext {
  /** Called at the end of a probe that nobody waits for any more; what it took is put back by then. */
  readonly onLate: (report: BatchReport) => void;
}

export type OrderWriterEvent =
  /** Orders are waiting, or a lane has become free. */
  | { readonly type: "PUMP" }
  /** A batch has ended and is in the window. */
  | { readonly type: "BATCH_ENDED" }
  /** A probe has ended whose time had been up: the circuit has been decided without it. */
  | { readonly type: "PROBE_LATE"; readonly report: BatchReport }
  /** A call beside the batches has failed. One that went well says nothing of the batches. */
  | { readonly type: "CALL_FAILED"; readonly failure: Failure }
  | { readonly type: "STOP"; readonly timeoutMs: number };

/** How often the deadlines of waiting orders are looked at. */
const SWEEP_MS = 25;
/** Orders in one script of the buffer, which does nothing else meanwhile. */
const SPILL_ORDERS = 200;
const SPILL_PAUSE_MS = 50;

export const writer = setup({
  types: {
    context: {} as OrderWriterContext,
    events: {} as OrderWriterEvent,
    input: {} as OrderWriterInput,
  },
  actors: {
    commitBatch: fromPromise<BatchReport, OrderWriterContext>(({ input }) =>
      input.pace.during(() => groupCommit(input.mailbox, input.store, shareOf(input), input.now))
    ),
    spillBatch: fromPromise<SpillReport, OrderWriterContext>(({ input }) =>
      input.overflow === null
        ? Promise.resolve({ spilled: 0, failed: true })
        : groupSpill(input.mailbox, input.overflow, SPILL_ORDERS, () => retryAfterMs(input))
    ),
    commitProbe: fromPromise<BatchReport, ProbeInput>(async ({ input, signal }) => {
      const report = await groupCommit(input.mailbox, input.store, 1, input.now);
      if (signal.aborted) input.onLate(report);
      return report;
    }),
  },
  guards: {
    succeeded: (_, report: BatchReport) => report.failure === null,
    hasOrders: ({ context: { mailbox } }) => mailbox.orders + mailbox.taken > 0,
    isEmpty: ({ context: { mailbox } }) => mailbox.orders + mailbox.taken === 0,
    mayCommit: and([
      ({ context }) => context.mailbox.canTake(),
      stateIn({ circuit: "closed" }),
    ]),
    /** For the second lane: it takes what comes while the first one is busy. */
    mayCommitBeside: and(["mayCommit", not(stateIn({ lanes: { first: "resting" } }))]),
    maySpill: and([
      ({ context }) => context.mailbox.canTake() && context.overflow?.isReady() === true,
      not(stateIn({ circuit: "closed" })),
    ]),
    spillFailed: (_, report: SpillReport) => report.failed,
    windowIsBad: ({ context }) => context.window.isBad(context.now()),
    isLastProbe: ({ context }, report: BatchReport) =>
      report.failure === null && context.probesPassed + 1 >= context.probes,
  },
  actions: {
    pump: raise({ type: "PUMP" }),
    announceBatch: raise({ type: "BATCH_ENDED" }),
    /** The window is given the longest call; the pace has the whole batch, for which its lane is busy. */
    recordBatch: ({ context }, report: BatchReport) => {
      recordCall(context, report.longestCallMs, report.failure);
      context.onBatch(report);
    },
    /** Its orders may be new. It is not for the window, where it would count for a time that is over. */
    tellLate: ({ context, event }) => {
      if (event.type === "PROBE_LATE") context.onBatch(event.report);
    },
    recordCall: ({ context, event }) => {
      if (event.type !== "CALL_FAILED" || event.failure.kind !== "infrastructure") return;
      recordCall(context, 0, event.failure);
    },
    adaptBatch: assign(({ context }, { failure }: BatchReport) => {
      const { batchOrders, maxBatchOrders } = context;
      if (failure === null) {
        return { batchOrders: grownBound(batchOrders, maxBatchOrders), failuresInARow: 0 };
      }
      return {
        batchOrders: failure.timedOut ? halvedBound(batchOrders) : batchOrders,
        failuresInARow: context.failuresInARow + 1,
        lastError: failure.code,
      };
    }),
    countProbe: assign({ probesPassed: ({ context }) => context.probesPassed + 1 }),
    planHalfOpen: assign(({ context }) => ({
      openingsInARow: context.openingsInARow + 1,
      halfOpenAt: context.now() +
        backoffMs(context.openBackoff, context.openingsInARow + 1, context.random()),
    })),
    recover: assign({ openingsInARow: 0, failuresInARow: 0 }),
    forgetProbes: assign({ probesPassed: 0 }),
    clearWindow: ({ context }) => context.window.clear(),
    /** Waiting orders go into the buffer, unless there is none. */
    refuseUnlessSpilled: ({ context }) => {
      if (context.overflow?.isReady() === true) return;
      const refusal = refusals.circuitOpen(retryAfterMs(context));
      context.mailbox.dismiss(
        () => true,
        (waitingOrder) => refusals.unlessStored(waitingOrder, refusal),
      );
    },
    expire: ({ context: { mailbox, now, answerTimeoutMs } }) => {
      const at = now();
      mailbox.giveUp(
        (waitingOrder) => waitingOrder.deadlineAt + answerTimeoutMs <= at,
        refusals.UNKNOWN_ANSWER,
      );
      mailbox.dismiss(
        (waitingOrder) => waitingOrder.deadlineAt <= at,
        (waitingOrder) => refusals.unlessStored(waitingOrder, refusals.DEADLINE_EXCEEDED),
      );
    },
    refuseAll: ({ context: { mailbox } }) => {
      mailbox.dismissAll((waitingOrder, taken) =>
        refusals.unlessStored(waitingOrder, taken ? refusals.OUTCOME_UNKNOWN : refusals.DRAINING)
      );
    },
    planDrain: assign({
      drainMs: ({ context, event }) => event.type === "STOP" ? event.timeoutMs : context.drainMs,
    }),
  },
  delays: {
    untilHalfOpen: ({ context }) => Math.max(0, context.halfOpenAt - context.now()),
    probeTimeout: ({ context }) => context.probeTimeoutMs,
    retryPause: ({ context }) =>
      backoffMs(context.retryBackoff, Math.max(1, context.failuresInARow), context.random()),
    spillPause: SPILL_PAUSE_MS,
    sweep: SWEEP_MS,
    drainTime: ({ context }) => context.drainMs,
  },
});

/**
 * When another try makes sense after a refusal for the circuit: once the database is asked again, and
 * not before the first backoff. A probe that is under way may hang for as long as a statement may take,
 * so that "at once" would bring the callers back in vain, over and over.
 */
export function retryAfterMs(context: CircuitTimes): number {
  return Math.max(context.halfOpenAt - context.now(), context.openBackoff.firstMs);
}

type CircuitTimes = Pick<OrderWriterContext, "halfOpenAt" | "now" | "openBackoff">;

function recordCall({ window, now }: OrderWriterContext, ms: number, failure: Failure | null) {
  const failed = failure?.kind === "infrastructure";
  window.record(now(), ms, failed, failed && isSilence(failure));
}

/** Fewer orders than this are not worth two transactions. */
const WORTH_SHARING = 64;

/** A lane leaves the other one its share, so that both of the database's hands are busy. */
function shareOf({ mailbox, batchOrders }: OrderWriterContext): number {
  const share = mailbox.orders < WORTH_SHARING ? mailbox.orders : Math.ceil(mailbox.orders / 2);
  return Math.max(1, Math.min(batchOrders, share));
}
