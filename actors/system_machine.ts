/**
 * The system's machine: the life of one instance.
 *
 *   starting  what orders need is being prepared (the schema above all). While the database is away
 *             this fails, and is tried again with backoff; a failure that waiting cannot cure ends
 *             the instance.
 *   serving   orders are taken.
 *   draining  no new work is taken, what is here is finished. Entered by STOP.
 *   stopped   nothing runs any more. `failure` says why, unless it was asked for.
 */
import { assign, fromPromise, setup } from "xstate";
import { backoffMs, type BackoffOptions } from "./backoff.ts";

export interface SystemInput {
  /** Prepares what orders need; called again after each failure until it succeeds. */
  readonly prepare: () => Promise<void>;
  /** Finishes what is under way; it must not reject. */
  readonly drain: () => Promise<void>;
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
    events: {} as { readonly type: "STOP" },
    input: {} as SystemInput,
  },
  actors: {
    prepare: fromPromise<void, SystemContext>(({ input }) => input.prepare()),
    drain: fromPromise<void, SystemContext>(({ input }) => input.drain()),
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
      on: { STOP: "draining" },
      states: {
        preparing: {
          invoke: {
            src: "prepare",
            input: ({ context }) => context,
            onDone: "#system.serving",
            onError: [
              {
                guard: { type: "isFatal", params: errorOf },
                target: "#system.draining",
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
    serving: { on: { STOP: "draining" } },
    draining: {
      invoke: {
        src: "drain",
        input: ({ context }) => context,
        onDone: "stopped",
        onError: { target: "stopped", actions: { type: "keepFailure", params: errorOf } },
      },
    },
    stopped: { type: "final" },
  },
});
