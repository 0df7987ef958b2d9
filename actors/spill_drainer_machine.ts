/**
 * The spill drainer's machine: when overflow goes back to the database.
 *
 *   idle         nothing is drained. Left when it is told that the database takes orders again, and
 *                now and then anyway, since another instance may have left something.
 *   draining     a batch is on its way; the next one follows until the buffer is empty.
 *   backing_off  the last batch failed. The next try comes with exponential backoff and jitter.
 *   stopped      no batch is taken any more. Entered by STOP, after one under way has ended.
 */
import { assign, fromPromise, setup } from "xstate";
import { backoffMs, type BackoffOptions } from "./backoff.ts";
import type { DrainReport } from "./drain.ts";

export interface SpillDrainerInput {
  /** Drains one batch. */
  readonly drain: () => Promise<DrainReport>;
  /** True when the database takes orders, by what is known here. */
  readonly mayDrain: () => boolean;
  readonly pollMs: number;
  readonly backoff: BackoffOptions;
  readonly random: () => number;
  readonly onDrained: (report: DrainReport) => void;
  readonly onFailed: (error: unknown) => void;
}

interface SpillDrainerContext extends SpillDrainerInput {
  readonly failuresInARow: number;
  readonly stopping: boolean;
}

export type SpillDrainerEvent =
  /** The database takes orders again. */
  { readonly type: "WAKE" } | { readonly type: "STOP" };

const reportOf = ({ event }: { event: { output: DrainReport } }) => event.output;
const errorOf = ({ event }: { event: { error: unknown } }) => event.error;

export const spillDrainerMachine = setup({
  types: {
    context: {} as SpillDrainerContext,
    events: {} as SpillDrainerEvent,
    input: {} as SpillDrainerInput,
  },
  actors: {
    drain: fromPromise<DrainReport, SpillDrainerContext>(({ input }) => input.drain()),
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
    recover: assign({ failuresInARow: 0 }),
    stopAfterBatch: assign({ stopping: true }),
  },
  delays: {
    poll: ({ context }) => context.pollMs,
    backoff: ({ context }) => backoffMs(context.backoff, context.failuresInARow, context.random()),
  },
}).createMachine({
  id: "spill_drainer",
  context: ({ input }) => ({ ...input, failuresInARow: 0, stopping: false }),
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
            actions: [{ type: "tellDrained", params: reportOf }, "recover"],
          },
          { target: "idle", actions: [{ type: "tellDrained", params: reportOf }, "recover"] },
        ],
        onError: {
          target: "backing_off",
          actions: [{ type: "tellFailed", params: errorOf }, "countFailure"],
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
