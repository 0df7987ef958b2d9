/**
 * The order writer's machine: it decides what may happen to the mailbox. Orders do not pass through
 * transitions; batches do.
 *
 * circuit: whether the database is asked at all
 *   closed     batches are committed. Left when the window of latest calls is bad.
 *   open       nothing is sent; what waited is refused on entering, and what comes is refused at
 *              the door. Left after a pause that grows with each opening in a row.
 *   half_open  `probes` batches of one order (or of none) are sent, one after the other. All well:
 *              closed. One fails or hangs: open.
 * intake: whether orders are taken
 *   accepting  orders come in.
 *   draining   none come in, what is here is committed. Entered by STOP.
 *   stopped    all is answered. Entered when nothing is left, or when STOP's time is up, which
 *              refuses the rest.
 * lanes: how many batches are in flight. While one commits the next gathers, so an idle writer adds
 *   no wait and a busy one makes larger batches. A lane pauses after a failure, with backoff.
 * deadlines: while orders are here, those past their deadline are answered.
 */
import { and, assign, fromPromise, not, raise, setup, stateIn } from "xstate";
import { backoffMs, type BackoffOptions } from "./backoff.ts";
import { type BatchReport, groupCommit, type OrderStore } from "./group_commit.ts";
import type { Mailbox } from "./mailbox.ts";
import * as refusals from "./order_refusals.ts";
import type { SlidingWindow } from "./sliding_window.ts";

/** What the machine works with; everything that is not a decision comes from outside. */
export interface OrderWriterInput {
  readonly mailbox: Mailbox;
  readonly store: OrderStore;
  readonly window: SlidingWindow;
  readonly maxBatchOrders: number;
  /** Batches that have to succeed before a half-open circuit closes. */
  readonly probes: number;
  /** A probe that has not answered by then has failed. */
  readonly probeTimeoutMs: number;
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

export type OrderWriterEvent =
  /** Orders are waiting, or a lane has become free. */
  | { readonly type: "PUMP" }
  /** A batch has ended and is in the window. */
  | { readonly type: "BATCH_ENDED" }
  | { readonly type: "STOP"; readonly timeoutMs: number };

/** How often the deadlines of waiting orders are looked at. */
const SWEEP_MS = 25;

const writer = setup({
  types: {
    context: {} as OrderWriterContext,
    events: {} as OrderWriterEvent,
    input: {} as OrderWriterInput,
  },
  actors: {
    commitBatch: fromPromise<BatchReport, OrderWriterContext>(({ input }) =>
      groupCommit(input.mailbox, input.store, shareOf(input), input.now)
    ),
    commitProbe: fromPromise<BatchReport, OrderWriterContext>(({ input }) =>
      groupCommit(input.mailbox, input.store, 1, input.now)
    ),
  },
  guards: {
    succeeded: (_, report: BatchReport) => report.failure === null,
    hasOrders: ({ context: { mailbox } }) => mailbox.orders + mailbox.taken > 0,
    isEmpty: ({ context: { mailbox } }) => mailbox.orders + mailbox.taken === 0,
    mayCommit: and([
      ({ context }) => context.mailbox.orders > 0,
      stateIn({ circuit: "closed" }),
    ]),
    /** For the second lane: it takes what comes while the first one is busy. */
    mayCommitBeside: and(["mayCommit", not(stateIn({ lanes: { first: "resting" } }))]),
    windowIsBad: ({ context }) => context.window.isBad(context.now()),
    isLastProbe: ({ context }, report: BatchReport) =>
      report.failure === null && context.probesPassed + 1 >= context.probes,
  },
  actions: {
    pump: raise({ type: "PUMP" }),
    announceBatch: raise({ type: "BATCH_ENDED" }),
    recordBatch: ({ context }, report: BatchReport) => {
      const { failure, commitMs } = report;
      context.window.record(context.now(), commitMs, failure?.kind === "infrastructure");
      context.onBatch(report);
    },
    adaptBatch: assign(({ context }, { failure }: BatchReport) => {
      if (failure === null) {
        const grown = Math.ceil(context.batchOrders * 1.1);
        return { batchOrders: Math.min(context.maxBatchOrders, grown), failuresInARow: 0 };
      }
      const halved = Math.max(1, Math.floor(context.batchOrders / 2));
      return {
        batchOrders: failure.timedOut ? halved : context.batchOrders,
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
    refuseWaiting: ({ context: { mailbox, halfOpenAt, now } }) => {
      const refusal = refusals.circuitOpen(halfOpenAt - now());
      mailbox.dismiss(() => true, (letter) => refusals.unlessStored(letter, refusal));
    },
    expire: ({ context: { mailbox, now } }) => {
      const at = now();
      mailbox.dismiss(
        (letter) => letter.deadlineAt <= at,
        (letter) => refusals.unlessStored(letter, refusals.DEADLINE_EXCEEDED),
      );
    },
    refuseAll: ({ context: { mailbox } }) => {
      mailbox.dismissAll((letter, taken) =>
        refusals.unlessStored(letter, taken ? refusals.OUTCOME_UNKNOWN : refusals.DRAINING)
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
    sweep: SWEEP_MS,
    drainTime: ({ context }) => context.drainMs,
  },
});

/** Fewer orders than this are not worth two transactions. */
const WORTH_SHARING = 64;

/** A lane leaves the other one its share, so that both of the database's hands are busy. */
function shareOf({ mailbox, batchOrders }: OrderWriterContext): number {
  const share = mailbox.orders < WORTH_SHARING ? mailbox.orders : Math.ceil(mailbox.orders / 2);
  return Math.max(1, Math.min(batchOrders, share));
}

type Ended = { readonly event: { readonly output: BatchReport } };
const reportOf = ({ event }: Ended) => event.output;
const record = [
  { type: "recordBatch", params: reportOf },
  { type: "adaptBatch", params: reportOf },
  "announceBatch",
] as const;

/** A lane takes a batch on PUMP when `guard` says that it is its turn. */
const laneFor = (guard: "mayCommit" | "mayCommitBeside") =>
  writer.createStateConfig({
    initial: "resting",
    states: {
      resting: { on: { PUMP: { guard, target: "committing" } } },
      committing: {
        invoke: {
          src: "commitBatch",
          input: ({ context }) => context,
          onDone: [
            {
              guard: { type: "succeeded", params: reportOf },
              target: "resting",
              actions: [...record, "pump"],
            },
            { target: "pausing", actions: [...record] },
          ],
        },
      },
      pausing: { after: { retryPause: { target: "resting", actions: "pump" } } },
    },
  });

const circuit = writer.createStateConfig({
  initial: "closed",
  states: {
    closed: {
      id: "closed",
      entry: ["recover", "clearWindow", "pump"],
      on: { BATCH_ENDED: { guard: "windowIsBad", target: "open" } },
    },
    open: {
      id: "open",
      entry: ["planHalfOpen", "refuseWaiting"],
      on: { BATCH_ENDED: { actions: "refuseWaiting" } },
      after: { untilHalfOpen: "half_open" },
    },
    half_open: {
      entry: "forgetProbes",
      initial: "probing",
      states: {
        probing: {
          invoke: {
            src: "commitProbe",
            input: ({ context }) => context,
            onDone: [
              {
                guard: { type: "isLastProbe", params: reportOf },
                target: "#closed",
                actions: [...record],
              },
              {
                guard: { type: "succeeded", params: reportOf },
                target: "probing",
                reenter: true,
                actions: [...record, "countProbe"],
              },
              { target: "#open", actions: [...record] },
            ],
          },
          after: { probeTimeout: "#open" },
        },
      },
    },
  },
});

const intake = writer.createStateConfig({
  initial: "accepting",
  states: {
    accepting: { on: { STOP: { target: "draining", actions: "planDrain" } } },
    draining: {
      always: { guard: "isEmpty", target: "stopped" },
      after: { drainTime: { target: "stopped", actions: "refuseAll" } },
    },
    stopped: {},
  },
});

const deadlines = writer.createStateConfig({
  initial: "resting",
  states: {
    resting: { on: { PUMP: "watching" } },
    watching: {
      after: {
        sweep: [
          { guard: "hasOrders", target: "watching", reenter: true, actions: "expire" },
          { target: "resting" },
        ],
      },
    },
  },
});

export const orderWriterMachine = writer.createMachine({
  id: "order_writer",
  context: ({ input }) => ({
    ...input,
    batchOrders: input.maxBatchOrders,
    failuresInARow: 0,
    openingsInARow: 0,
    probesPassed: 0,
    halfOpenAt: 0,
    lastError: null,
    drainMs: 0,
  }),
  type: "parallel",
  states: {
    circuit,
    intake,
    deadlines,
    lanes: {
      type: "parallel",
      states: { first: laneFor("mayCommit"), second: laneFor("mayCommitBeside") },
    },
  },
});
