/**
 * The aggregator's machine: it decides when the journal is folded. Two folds never run at once.
 *
 *   idle            Nothing is to be done. It first rests for the minimum gap, so that one fold takes
 *                   many commits. After that a wake-up or the interval starts a fold.
 *   folding         A fold is under way. `running` becomes `running_pending` at the first wake-up.
 *                   All wake-ups during a fold cause one more fold, which follows after the gap.
 *                   This is the overlap guard: folds never overlap.
 *   standby         Another instance holds the fold's lock. It may not have seen the row that woke this
 *                   instance, so the next try comes after the minimum gap, not after the interval.
 *   backing_off     The fold failed. The next try comes with exponential backoff and jitter. It takes
 *                   half as much, because the fold may have been too large for its session's timeouts.
 *                   A wake-up shortens a long pause: a commit shows that the database stores.
 *   stopped         No fold is started any more.
 *
 * STOP is only noted. Every state in which no fold runs then leaves for `stopped` by itself. So a fold
 * under way ends first. docs/machines.md shows the chart.
 *
 * Tested in tests/actors/reactions_test.ts (each event in each state) and
 * aggregator/aggregator_test.ts.
 */
import { assign, fromPromise, setup } from "xstate";
import type { FoldResult } from "../../sql/figures/fold.ts";
import { backoffMs, type BackoffOptions } from "../backoff.ts";

/** The machine only decides. Everything else that it uses comes in from outside, through here. */
export interface AggregatorInput {
  /** Folds at most `mostEntries` entries of the journal. */
  readonly fold: (mostEntries: number) => Promise<FoldResult>;
  /** The most entries of a fold while no fold fails. */
  readonly maxEntries: number;
  /** The journal is folded this often when nothing wakes the aggregator. */
  readonly intervalMs: number;
  /** The shortest time between two folds. */
  readonly minGapMs: number;
  readonly backoff: BackoffOptions;
  /** A wake-up ends the pause after a failed fold once it has lasted this long. */
  readonly wokenAfterMs: number;
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
  /** The time of the oldest wake-up that no run has served. Null: there is none. */
  readonly wokenAt: number | null;
  /** The time of the wake-up that the run under way serves. */
  readonly servedAt: number | null;
  readonly overlaps: number;
  readonly failuresInARow: number;
  /** The time of the latest failure. */
  readonly failedAt: number;
  /** The most entries of the next fold. A failure halves it, a success doubles it. */
  readonly mostEntries: number;
  /** STOP has come. */
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
    hasPaused: ({ context }) => context.now() - context.failedAt >= context.wokenAfterMs,
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
    /** The run did not do everything, so its wake-up still waits. */
    resumeWake: assign({
      wokenAt: ({ context }) => context.servedAt ?? context.wokenAt ?? context.now(),
    }),
    countFailure: assign({
      failuresInARow: ({ context }) => context.failuresInARow + 1,
      failedAt: ({ context }) => context.now(),
      mostEntries: ({ context }) => Math.max(1, Math.floor(context.mostEntries / 2)),
    }),
    recover: assign({
      failuresInARow: 0,
      mostEntries: ({ context }) => Math.min(context.maxEntries, context.mostEntries * 2),
    }),
    noteStop: assign({ stopping: true }),
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
    failedAt: 0,
    mostEntries: input.maxEntries,
    stopping: false,
  }),
  initial: "idle",
  on: { STOP: { actions: "noteStop" }, WAKE: { actions: "noteWake" } },
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
      on: {
        RUN: "folding",
        WAKE: [
          { guard: "hasPaused", target: "folding", actions: "noteWake" },
          { actions: "noteWake" },
        ],
      },
    },
    stopped: { on: { WAKE: {} } },
  },
});
