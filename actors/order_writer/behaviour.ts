/**
 * The parts that the order writer's machine is put together from, each under the name that machine.ts
 * uses: its context, events, effects, guards, actions and delays. machine.ts says when each is used.
 *
 * Tested in tests/actors/order_writer/circuit_test.ts and order_writer_test.ts.
 */
import { and, assign, fromPromise, not, raise, setup, stateIn } from "xstate";
import { backoffMs, type BackoffOptions } from "../backoff.ts";
import { grownBound, halvedBound } from "../batch_bound.ts";
import { WEIR_CODE } from "../../sql/connection/failure/codes.ts";
import { type Failure, isAway, isFromStandby, isSilence } from "../../sql/connection/failure.ts";
import { type BatchReport, groupCommit, type OrderStore } from "./group_commit.ts";
import type { Mailbox } from "./mailbox/mailbox.ts";
import { groupSpill, type Overflow, type SpillReport } from "./group_spill.ts";
import * as refusals from "./order_refusals.ts";
import type { Pace } from "./pace.ts";
import type { CallEnd, SlidingWindow } from "./sliding_window.ts";

/** The machine only decides. Everything else that it uses comes in from outside, through here. */
export interface OrderWriterInput {
  readonly mailbox: Mailbox;
  readonly pace: Pace;
  readonly store: OrderStore;
  /** Orders go here while the circuit is not closed. Null: there is no overflow. */
  readonly overflow: Overflow | null;
  readonly window: SlidingWindow;
  readonly maxBatchOrders: number;
  /** So many probes must succeed before a half-open circuit closes. */
  readonly probes: number;
  /** A probe without an answer after this time has failed. */
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
  /** The time, by `now`, at which the circuit becomes half open. Unused while it is closed. */
  readonly halfOpenAt: number;
  /** The longest pause before the database is asked again, by the latest batch's failure. */
  readonly longestPauseMs: number;
  /** The code of the latest failure. */
  readonly lastError: string | null;
  /** Its time by the instance's calendar, for people. */
  readonly lastErrorAt: string | null;
  /** The writer has this long to answer its orders after STOP. */
  readonly stopTimeoutMs: number;
}

interface ProbeInput extends OrderWriterContext {
  /** Called when a probe ends after its timeout. Its order is answered or back in the mailbox. */
  readonly onLate: (report: BatchReport) => void;
}

export type OrderWriterEvent =
  /** Orders are waiting, or a lane has become free. */
  | { readonly type: "PUMP" }
  /** A batch has ended and is in the window. */
  | { readonly type: "BATCH_ENDED" }
  /** A probe has ended after its timeout. The circuit has opened without waiting for it. */
  | { readonly type: "PROBE_LATE"; readonly report: BatchReport }
  /**
   * A database call that is no batch has failed. A successful call sends no event, because it does
   * not show that batches succeed.
   */
  | { readonly type: "CALL_FAILED"; readonly failure: Failure }
  | { readonly type: "STOP"; readonly timeoutMs: number };

/**
 * The longest pause while a standby answers. A batch or a probe costs a standby next to nothing, and
 * orders wait or spill until the new primary is found.
 */
const STANDBY_PAUSE_MS = 250;
/**
 * The longest pause while nobody is at the address. An attempt costs nobody anything, and a server that
 * starts takes orders at any moment. A standby too is away for a second, because Patroni restarts it
 * when the leader is gone.
 */
const AWAY_PAUSE_MS = 500;
/**
 * The time between two checks of all deadlines. The answer to an order past its deadline comes at
 * most this late. The time is chosen, not measured: it is small beside deadlines of seconds. One
 * check only walks through the mailbox. Orders have no timers of their own, because ten thousand
 * orders would need ten thousand timers.
 */
const SWEEP_MS = 25;
/**
 * Orders that one script writes into the overflow. Redis does nothing else during a script. Chosen:
 * WAITAOF confirms each script, which took up to 20 ms, so 200 orders allow about 10,000 orders a
 * second. Other sizes are not measured.
 */
const SPILL_ORDERS = 200;
/**
 * The wait after the overflow did not answer. Chosen, not measured: short, since callers wait; long
 * enough that an overflow that fails at once is not asked thousands of times a second.
 */
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
    isClosed: stateIn({ circuit: "closed" }),
    mayCommit: and([({ context }) => context.mailbox.canTake(), "isClosed"]),
    /** The second lane takes orders only while the first lane is busy. */
    mayCommitBeside: and(["mayCommit", not(stateIn({ lanes: { first: "resting" } }))]),
    maySpill: and([
      ({ context }) => context.mailbox.canTake() && context.overflow?.isReady() === true,
      not("isClosed"),
    ]),
    spillFailed: (_, report: SpillReport) => report.failed,
    windowIsBad: ({ context }) =>
      context.window.isBad(context.now()) ||
      context.window.withoutPrimaryMs(context.now()) >= longestWithoutPrimary(context),
    isLastProbe: ({ context }, report: BatchReport) =>
      report.failure === null && context.probesPassed + 1 >= context.probes,
  },
  actions: {
    pump: raise({ type: "PUMP" }),
    announceBatch: raise({ type: "BATCH_ENDED" }),
    /** The window gets the longest call: it judges the database, not how many calls a batch took. */
    recordBatch: ({ context }, report: BatchReport) => {
      recordCall(context, report.longestCallMs, report.failure);
      context.onBatch(report);
    },
    /**
     * A late probe may have stored orders, so the batch is reported. It does not go into the window:
     * it belongs to a time before the circuit opened.
     */
    tellLate: ({ context, event }) => {
      if (event.type === "PROBE_LATE") context.onBatch(event.report);
    },
    recordCall: ({ context, event }) => {
      if (event.type !== "CALL_FAILED" || endOf(event.failure) === "fine") return;
      recordCall(context, 0, event.failure);
    },
    adaptBatch: assign(({ context }, { failure }: BatchReport) => {
      const { batchOrders, maxBatchOrders } = context;
      if (failure === null) {
        const grown = grownBound(batchOrders, maxBatchOrders);
        return { batchOrders: grown, failuresInARow: 0, longestPauseMs: Infinity };
      }
      return {
        batchOrders: failure.timedOut ? halvedBound(batchOrders) : batchOrders,
        failuresInARow: context.failuresInARow + 1,
        longestPauseMs: longestPauseAfter(failure),
        lastError: failure.code,
        lastErrorAt: new Date().toISOString(),
      };
    }),
    noteSilence: assign({
      longestPauseMs: Infinity,
      lastError: WEIR_CODE.databaseTimeout,
      lastErrorAt: () => new Date().toISOString(),
    }),
    countProbe: assign({ probesPassed: ({ context }) => context.probesPassed + 1 }),
    /** An opening with a short pause makes no later pause longer. */
    planHalfOpen: assign(({ context }) => ({
      openingsInARow: context.longestPauseMs < Infinity ? 0 : context.openingsInARow + 1,
      halfOpenAt: context.now() +
        pauseMs(context, context.openBackoff, context.openingsInARow + 1),
    })),
    recover: assign({ openingsInARow: 0, failuresInARow: 0 }),
    forgetProbes: assign({ probesPassed: 0 }),
    clearWindow: ({ context }) => context.window.clear(),
    /** While the overflow is ready, waiting orders are left for it. */
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
    noteStopTimeout: assign({
      stopTimeoutMs: ({ context, event }) =>
        event.type === "STOP" ? event.timeoutMs : context.stopTimeoutMs,
    }),
  },
  delays: {
    untilHalfOpen: ({ context }) => Math.max(0, context.halfOpenAt - context.now()),
    probeTimeout: ({ context }) => context.probeTimeoutMs,
    retryPause: ({ context }) =>
      pauseMs(context, context.retryBackoff, Math.max(1, context.failuresInARow)),
    spillPause: SPILL_PAUSE_MS,
    sweep: SWEEP_MS,
    stopTimeout: ({ context }) => context.stopTimeoutMs,
  },
});

/** The backoff before the next attempt, no longer than the latest failure asks for. */
function pauseMs(context: OrderWriterContext, backoff: BackoffOptions, attempt: number): number {
  const maxMs = Math.min(backoff.maxMs, context.longestPauseMs);
  return backoffMs({ ...backoff, maxMs }, attempt, context.random());
}

function longestPauseAfter(failure: Failure): number {
  if (isFromStandby(failure)) return STANDBY_PAUSE_MS;
  return isAway(failure) ? AWAY_PAUSE_MS : Infinity;
}

/**
 * How long a caller should wait after a refusal for the circuit: until the database is asked again,
 * and at least for the first backoff. The minimum matters in half open: a probe may hang for a whole
 * statement timeout, and callers that come back at once would only be refused again.
 */
export function retryAfterMs(context: CircuitTimes): number {
  return Math.max(context.halfOpenAt - context.now(), context.openBackoff.firstMs);
}

type CircuitTimes = Pick<OrderWriterContext, "halfOpenAt" | "now" | "openBackoff">;

function recordCall({ window, now }: OrderWriterContext, ms: number, failure: Failure | null) {
  window.record(now(), ms, endOf(failure));
}

/** An order's own fault, and two transactions in each other's way, say nothing of the database. */
function endOf(failure: Failure | null): CallEnd {
  if (failure?.kind === "read_only") return "standby";
  if (failure?.kind !== "infrastructure") return "fine";
  return isSilence(failure) ? "silent" : "failed";
}

/**
 * How long orders wait for a primary before the circuit opens. Both times are chosen. With an overflow
 * an order is safe at once, so callers need not wait through a failover. Without one the open circuit
 * refuses orders, and a planned change of the primary, which took 1.7 s, should refuse none.
 */
const SPILL_WITHOUT_PRIMARY_MS = 750;
const REFUSE_WITHOUT_PRIMARY_MS = 5_000;

function longestWithoutPrimary({ overflow }: OrderWriterContext): number {
  return overflow?.isReady() === true ? SPILL_WITHOUT_PRIMARY_MS : REFUSE_WITHOUT_PRIMARY_MS;
}

/**
 * From this many waiting orders on, a lane takes only half of them. Fewer orders go out in one
 * transaction, because a second transaction costs another disk sync.
 *
 * Measured as at `LANES`, with 16, 64, 256 and 1,000 callers. From 1 order on the writer took 0.67, 0.78,
 * 0.94 and 0.92 times as many orders a second, from 16 on 0.89, 0.75, 1.01 and 0.91 times, and from 256
 * on 1.01 to 1.05 times, which is within the spread.
 */
const WORTH_SHARING = 64;

/** The orders of the next batch. The other lane gets its share, so that both lanes are busy. */
function shareOf({ mailbox, batchOrders }: OrderWriterContext): number {
  const share = mailbox.orders < WORTH_SHARING ? mailbox.orders : Math.ceil(mailbox.orders / 2);
  return Math.max(1, Math.min(batchOrders, share));
}
