/**
 * The spill drainer's machine: when overflow goes back to the database.
 *
 *   idle         nothing is drained. Left when it is told that the database takes orders again, and
 *                now and then anyway, since another instance may have left something.
 *   draining     a batch is on its way; the next one follows until the buffer is empty.
 *   backing_off  the last batch failed. The next try comes with exponential backoff and jitter, and is
 *                half as large when the failure was a timeout: the same again would not do.
 *   stopped      no batch is taken any more. Entered by STOP, after one under way has ended.
 */
import { assign, fromPromise, setup } from "xstate";
import { backoffMs, type BackoffOptions } from "../backoff.ts";
import { grownBound, halvedBound } from "../batch_bound.ts";
import { DrainFailed, type DrainReport } from "./drain_batch.ts";

export interface OverflowDrainerInput {
  /** Drains a batch of at most `maxOrders` orders. */
  readonly drain: (maxOrders: number) => Promise<DrainReport>;
  readonly maxBatchOrders: number;
  /** True when the database takes orders, by what is known here. */
  readonly mayDrain: () => boolean;
  readonly pollMs: number;
  readonly backoff: BackoffOptions;
  readonly random: () => number;
  readonly onDrained: (report: DrainReport) => void;
  readonly onFailed: (error: unknown) => void;
}

interface OverflowDrainerContext extends OverflowDrainerInput {
  /** At most this many orders in the next batch: halved by a timeout, grown back by success. */
  readonly batchOrders: number;
  readonly failuresInARow: number;
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
    drainedSome: ({ context }, report: DrainReport) => report.drained > 0 && context.mayDrain(),
  },
  actions: {
    tellDrained: ({ context }, report: DrainReport) => context.onDrained(report),
    tellFailed: ({ context }, error: unknown) => context.onFailed(error),
    countFailure: assign({ failuresInARow: ({ context }) => context.failuresInARow + 1 }),
    /** By what the batch really had, which may have been fewer than it was allowed to have. */
    shrinkBatch: assign({
      batchOrders: ({ context }, error: unknown) =>
        error instanceof DrainFailed && error.failure.timedOut
          ? halvedBound(error.orders)
          : context.batchOrders,
    }),
    /** An empty buffer says nothing about how much the database can take. */
    growBatch: assign({
      batchOrders: ({ context: { batchOrders, maxBatchOrders } }, { drained }: DrainReport) =>
        drained > 0 ? grownBound(batchOrders, maxBatchOrders) : batchOrders,
    }),
    recover: assign({ failuresInARow: 0 }),
    stopAfterBatch: assign({ stopping: true }),
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
  on: { STOP: ".stopped" },
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
      on: { STOP: { actions: "stopAfterBatch" } },
      invoke: {
        src: "drain",
        input: ({ context }) => context,
        onDone: [
          {
            guard: "isStopping",
            target: "stopped",
            actions: { type: "tellDrained", params: reportOf },
          },
          {
            guard: { type: "drainedSome", params: reportOf },
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
    stopped: { on: { STOP: {} } },
  },
});
