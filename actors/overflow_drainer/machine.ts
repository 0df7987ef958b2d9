/**
 * The overflow drainer's machine: it decides when orders go from the overflow into the database.
 *
 *   idle         Nothing is drained. Left when the drainer hears that the database takes orders
 *                again. Also left after each poll time while the database takes orders, because
 *                another instance may have left orders.
 *   draining     A batch is on its way. The next one follows until the overflow is empty.
 *   backing_off  The last batch failed. The next try comes with exponential backoff and jitter. After a
 *                timeout it is half as large, because the same batch would time out again.
 *   stopped      No batch is taken any more.
 *
 * STOP is only noted. Every state in which no batch is on its way then leaves for `stopped` by itself.
 * So a batch under way ends first. docs/machines.md shows the chart.
 *
 * Tested in tests/actors/reactions_test.ts (each event in each state) and
 * overflow_drainer/overflow_drainer_test.ts.
 */
import { assign, fromPromise, setup } from "xstate";
import { backoffMs, type BackoffOptions } from "../backoff.ts";
import { grownBound, halvedBound } from "../batch_bound.ts";
import { DrainFailed, type DrainReport } from "./drain_batch.ts";

export interface OverflowDrainerInput {
  /** Drains a batch of at most `maxOrders` orders. */
  readonly drain: (maxOrders: number) => Promise<DrainReport>;
  readonly maxBatchOrders: number;
  /** True when the database takes orders, as far as this instance knows. */
  readonly mayDrain: () => boolean;
  readonly pollMs: number;
  readonly backoff: BackoffOptions;
  readonly random: () => number;
  readonly onDrained: (report: DrainReport) => void;
  readonly onFailed: (error: unknown) => void;
}

interface OverflowDrainerContext extends OverflowDrainerInput {
  /** At most this many orders in the next batch. A timeout halves it, success lets it grow. */
  readonly batchOrders: number;
  readonly failuresInARow: number;
  /** STOP has come. */
  readonly stopping: boolean;
}

export type OverflowDrainerEvent =
  /** The database takes orders again. */
  { readonly type: "WAKE" } | { readonly type: "STOP" };

const reportOf = ({ event }: { event: { output: DrainReport } }) => event.output;
const errorOf = ({ event }: { event: { error: unknown } }) => event.error;
const succeed = [
  { type: "tellDrained", params: reportOf },
  { type: "growBatch", params: reportOf },
  "recover",
] as const;

export const overflowDrainerMachine = setup({
  types: {
    context: {} as OverflowDrainerContext,
    events: {} as OverflowDrainerEvent,
    input: {} as OverflowDrainerInput,
  },
  actors: {
    drain: fromPromise<DrainReport, OverflowDrainerContext>(({ input }) =>
      input.drain(input.batchOrders)
    ),
  },
  guards: {
    mayDrain: ({ context }) => context.mayDrain(),
    isStopping: ({ context }) => context.stopping,
    goesOn: ({ context }, report: DrainReport) =>
      !context.stopping && report.drained + report.setAside > 0 && context.mayDrain(),
  },
  actions: {
    tellDrained: ({ context }, report: DrainReport) => context.onDrained(report),
    tellFailed: ({ context }, error: unknown) => context.onFailed(error),
    countFailure: assign({ failuresInARow: ({ context }) => context.failuresInARow + 1 }),
    /** Halves the size that the batch really had. Its lines may have kept it below the bound. */
    shrinkBatch: assign({
      batchOrders: ({ context }, error: unknown) =>
        error instanceof DrainFailed && error.failure.timedOut
          ? halvedBound(error.orders)
          : context.batchOrders,
    }),
    /** An empty batch does not tell how much the database can take. */
    growBatch: assign({
      batchOrders: ({ context: { batchOrders, maxBatchOrders } }, { drained }: DrainReport) =>
        drained > 0 ? grownBound(batchOrders, maxBatchOrders) : batchOrders,
    }),
    recover: assign({ failuresInARow: 0 }),
    noteStop: assign({ stopping: true }),
  },
  delays: {
    poll: ({ context }) => context.pollMs,
    backoff: ({ context }) => backoffMs(context.backoff, context.failuresInARow, context.random()),
  },
}).createMachine({
  id: "overflow_drainer",
  context: ({ input }) => ({
    ...input,
    batchOrders: input.maxBatchOrders,
    failuresInARow: 0,
    stopping: false,
  }),
  initial: "idle",
  on: { STOP: { actions: "noteStop" } },
  states: {
    idle: {
      always: { guard: "isStopping", target: "stopped" },
      on: { WAKE: { guard: "mayDrain", target: "draining" } },
      after: {
        poll: [
          { guard: "mayDrain", target: "draining" },
          { target: "idle", reenter: true },
        ],
      },
    },
    draining: {
      invoke: {
        src: "drain",
        input: ({ context }) => context,
        onDone: [
          {
            guard: { type: "goesOn", params: reportOf },
            target: "draining",
            reenter: true,
            actions: [...succeed],
          },
          { target: "idle", actions: [...succeed] },
        ],
        onError: {
          target: "backing_off",
          actions: [
            { type: "tellFailed", params: errorOf },
            { type: "shrinkBatch", params: errorOf },
            "countFailure",
          ],
        },
      },
    },
    backing_off: {
      always: { guard: "isStopping", target: "stopped" },
      after: { backoff: "idle" },
    },
    stopped: {},
  },
});
