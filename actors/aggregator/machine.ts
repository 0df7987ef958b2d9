/**
 * The aggregator's machine: when the journal is folded, and never twice at once.
 *
 *   idle            nothing is to be done. At first it rests for the minimum gap, so that a stream
 *                   of commits becomes folds of many; then a wake-up, or the interval, starts a run.
 *   running         a fold is under way.
 *   running_pending a fold is under way and another was asked for meanwhile: one more follows after
 *                   the gap, however many asked. This is the overlap guard.
 *   standby         another instance holds the fold's lock. It may not have seen the row that woke
 *                   this one, so the next try comes after the minimum gap, not after the interval.
 *   backing_off     the fold failed. The next try comes with exponential backoff and jitter, and takes
 *                   half as much, since it may have been too much for the time that a fold has.
 *   stopped         no fold is started any more. Entered by STOP, after a run under way has ended.
 */
import { assign, fromPromise, setup } from "xstate";
import type { FoldResult } from "../../sql/figures/fold.ts";
import { backoffMs, type BackoffOptions } from "../backoff.ts";

/** What the machine works with; everything that is not a decision comes from outside. */
export interface AggregatorInput {
  /** Takes so many entries of the journal at the most. */
  readonly fold: (mostEntries: number) => Promise<FoldResult>;
  /** What a fold takes when all is well. */
  readonly maxEntries: number;
  /** How long the journal is left alone when nothing wakes the aggregator. */
  readonly intervalMs: number;
  /** What lies between two folds at the least. */
  readonly minGapMs: number;
  readonly backoff: BackoffOptions;
  /** Monotonic, milliseconds. */
  readonly now: () => number;
  /** 0 to 1, exclusive. */
  readonly random: () => number;
  readonly onRun: (run: FoldRun) => void;
}

/** A run that has ended. */
export type FoldRun =
  & { readonly ms: number; readonly wokenAt: number | null }
  & ({ readonly result: FoldResult } | { readonly error: unknown });

interface AggregatorContext extends AggregatorInput {
  readonly begunAt: number;
  /** When the oldest wake-up that no run has served came; null when there is none. */
  readonly wokenAt: number | null;
  /** The wake-up that the run under way serves. */
  readonly servedAt: number | null;
  readonly overlaps: number;
  readonly failuresInARow: number;
  /** What the next fold takes: halved by a failure, grown back by success. */
  readonly mostEntries: number;
  /** STOP came during a run. */
  readonly stopping: boolean;
}

export type AggregatorEvent =
  /** Something was committed. */
  | { readonly type: "WAKE" }
  /** An operator asks for a run now. */
  | { readonly type: "RUN" }
  | { readonly type: "STOP" };

const resultOf = ({ event }: { event: { output: FoldResult } }) => event.output;
const errorOf = ({ event }: { event: { error: unknown } }) => event.error;

export const aggregatorMachine = setup({
  types: {
    context: {} as AggregatorContext,
    events: {} as AggregatorEvent,
    input: {} as AggregatorInput,
  },
  actors: {
    fold: fromPromise<FoldResult, AggregatorContext>(({ input }) => input.fold(input.mostEntries)),
  },
  guards: {
    isWoken: ({ context }) => context.wokenAt !== null,
    isStopping: ({ context }) => context.stopping,
    isLocked: (_, result: FoldResult) => result.outcome === "locked",
    hasMore: (_, result: FoldResult) => result.outcome === "folded" && result.more,
  },
  actions: {
    noteWake: assign({ wokenAt: ({ context }) => context.wokenAt ?? context.now() }),
    begin: assign({
      begunAt: ({ context }) => context.now(),
      servedAt: ({ context }) => context.wokenAt,
      wokenAt: null,
    }),
    countOverlap: assign({ overlaps: ({ context }) => context.overlaps + 1 }),
    reportResult: ({ context }, result: FoldResult) =>
      context.onRun({ ms: context.now() - context.begunAt, wokenAt: context.servedAt, result }),
    reportError: ({ context }, error: unknown) =>
      context.onRun({ ms: context.now() - context.begunAt, wokenAt: context.servedAt, error }),
    /** What a run did not do is still to be done. */
    resumeWake: assign({
      wokenAt: ({ context }) => context.servedAt ?? context.wokenAt ?? context.now(),
    }),
    countFailure: assign({
      failuresInARow: ({ context }) => context.failuresInARow + 1,
      mostEntries: ({ context }) => Math.max(1, Math.floor(context.mostEntries / 2)),
    }),
    recover: assign({
      failuresInARow: 0,
      mostEntries: ({ context }) => Math.min(context.maxEntries, context.mostEntries * 2),
    }),
    stopAfterRun: assign({ stopping: true }),
  },
  delays: {
    minGap: ({ context }) => context.minGapMs,
    interval: ({ context }) => Math.max(0, context.intervalMs - context.minGapMs),
    backoff: ({ context }) => backoffMs(context.backoff, context.failuresInARow, context.random()),
  },
}).createMachine({
  id: "aggregator",
  context: ({ input }) => ({
    ...input,
    begunAt: 0,
    wokenAt: null,
    servedAt: null,
    overlaps: 0,
    failuresInARow: 0,
    mostEntries: input.maxEntries,
    stopping: false,
  }),
  initial: "idle",
  on: { STOP: ".stopped", WAKE: { actions: "noteWake" } },
  states: {
    idle: {
      initial: "resting",
      always: { guard: "isStopping", target: "stopped" },
      on: { RUN: "folding" },
      states: {
        resting: { after: { minGap: "waiting" } },
        waiting: {
          always: { guard: "isWoken", target: "#aggregator.folding" },
          after: { interval: "#aggregator.folding" },
        },
      },
    },
    folding: {
      entry: "begin",
      initial: "running",
      invoke: {
        src: "fold",
        input: ({ context }) => context,
        onDone: [
          {
            guard: { type: "isLocked", params: resultOf },
            target: "standby",
            actions: [
              { type: "reportResult", params: resultOf },
              "resumeWake",
              "recover",
            ],
          },
          {
            guard: { type: "hasMore", params: resultOf },
            target: "idle",
            actions: [
              { type: "reportResult", params: resultOf },
              "resumeWake",
              "recover",
            ],
          },
          {
            target: "idle",
            actions: [{ type: "reportResult", params: resultOf }, "recover"],
          },
        ],
        onError: {
          target: "backing_off",
          actions: [
            { type: "reportError", params: errorOf },
            "resumeWake",
            "countFailure",
          ],
        },
      },
      on: { STOP: { actions: "stopAfterRun" } },
      states: {
        running: {
          on: { WAKE: { target: "running_pending", actions: ["noteWake", "countOverlap"] } },
        },
        running_pending: { on: { WAKE: {} } },
      },
    },
    standby: {
      always: { guard: "isStopping", target: "stopped" },
      after: { minGap: "folding" },
      on: { RUN: "folding" },
    },
    backing_off: {
      always: { guard: "isStopping", target: "stopped" },
      after: { backoff: "folding" },
      on: { RUN: "folding" },
    },
    stopped: { on: { WAKE: {} } },
  },
});
