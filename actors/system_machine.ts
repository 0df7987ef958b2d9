/**
 * The system's machine: the life of one instance.
 *
 *   starting  The schema is brought up to date (`preparing`). While the database is away this fails and
 *             is tried again after a pause (`waiting`). A failure that waiting cannot cure ends the
 *             instance.
 *   serving   Orders are taken.
 *   stopping  No new work is taken, and the work under way is finished. Entered by STOP, and by LOST:
 *             the instance has lost something that it cannot work without, such as its port.
 *   stopped   Nothing runs any more. `failure` says why, unless STOP asked for it.
 *
 * The pauses come in from server/instance.ts. docs/machines.md shows the chart.
 *
 * Tested in tests/actors/system_machine_test.ts and reactions_test.ts.
 */
import { assign, fromPromise, setup } from "xstate";
import { backoffMs, type BackoffOptions } from "./backoff.ts";

export interface SystemInput {
  /** Prepares the database for orders. Called again after each failure until it succeeds. */
  readonly prepare: () => Promise<void>;
  /** Finishes the work under way and stops every part. Must not reject. */
  readonly stop: () => Promise<void>;
  /** True for a failure that trying again cannot cure. */
  readonly isFatal: (error: unknown) => boolean;
  readonly onPrepareFailed: (error: unknown, retryAfterMs: number) => void;
  readonly backoff: BackoffOptions;
  readonly random: () => number;
}

interface SystemContext extends SystemInput {
  readonly attempts: number;
  readonly retryAfterMs: number;
  readonly failure: unknown;
}

const errorOf = ({ event }: { event: { error: unknown } }) => event.error;

export const systemMachine = setup({
  types: {
    context: {} as SystemContext,
    events: {} as
      | { readonly type: "STOP" }
      | { readonly type: "LOST"; readonly error: unknown },
    input: {} as SystemInput,
  },
  actors: {
    prepare: fromPromise<void, SystemContext>(({ input }) => input.prepare()),
    stop: fromPromise<void, SystemContext>(({ input }) => input.stop()),
  },
  guards: { isFatal: ({ context }, error: unknown) => context.isFatal(error) },
  actions: {
    keepFailure: assign({ failure: (_, error: unknown) => error }),
    planRetry: assign(({ context }) => ({
      attempts: context.attempts + 1,
      retryAfterMs: backoffMs(context.backoff, context.attempts + 1, context.random()),
    })),
    tellRetry: ({ context }, error: unknown) =>
      context.onPrepareFailed(error, context.retryAfterMs),
  },
  delays: { retryAfter: ({ context }) => context.retryAfterMs },
}).createMachine({
  id: "system",
  context: ({ input }) => ({ ...input, attempts: 0, retryAfterMs: 0, failure: null }),
  initial: "starting",
  states: {
    starting: {
      initial: "preparing",
      on: {
        STOP: "stopping",
        LOST: { target: "stopping", actions: { type: "keepFailure", params: errorOf } },
      },
      states: {
        preparing: {
          invoke: {
            src: "prepare",
            input: ({ context }) => context,
            onDone: "#system.serving",
            onError: [
              {
                guard: { type: "isFatal", params: errorOf },
                target: "#system.stopping",
                actions: { type: "keepFailure", params: errorOf },
              },
              {
                target: "waiting",
                actions: ["planRetry", { type: "tellRetry", params: errorOf }],
              },
            ],
          },
        },
        waiting: { after: { retryAfter: "preparing" } },
      },
    },
    serving: {
      on: {
        STOP: "stopping",
        LOST: { target: "stopping", actions: { type: "keepFailure", params: errorOf } },
      },
    },
    stopping: {
      invoke: {
        src: "stop",
        input: ({ context }) => context,
        onDone: "stopped",
        onError: { target: "stopped", actions: { type: "keepFailure", params: errorOf } },
      },
    },
    stopped: { type: "final" },
  },
});
