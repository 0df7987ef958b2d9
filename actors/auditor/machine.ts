/**
 * The auditor's machine: it decides when rollups are compared with a recount of their orders.
 *
 *   waiting   Nothing is checked. Left when an operator asks, or after a pause with jitter: instances
 *             that were started together must not check together.
 *   checking  An audit is under way. It also answers callers who ask meanwhile. Left when it has ended,
 *             also by a failure: a failed audit tells nothing, and the next one follows anyway.
 *   stopped   Nothing is checked any more.
 *
 * STOP is only noted. `waiting` then leaves for `stopped` by itself. So an audit under way ends first.
 * docs/machines.md shows the chart.
 *
 * Tested in tests/actors/reactions_test.ts (each event in each state) and auditor/auditor_test.ts.
 */
import { assign, fromPromise, setup } from "xstate";
import type { AuditReport } from "../../client/contract/ops_runs.ts";

export interface AuditorInput {
  /** Checks `buckets` random buckets. */
  readonly audit: (buckets: number) => Promise<AuditReport>;
  readonly pauseMs: number;
  /** The number of buckets in an audit that nobody asked for. */
  readonly buckets: number;
  /** 0 to 1, exclusive. */
  readonly random: () => number;
  readonly onEnded: (audit: EndedAudit) => void;
}

export type EndedAudit = { readonly report: AuditReport } | { readonly error: unknown };

interface AuditorContext extends AuditorInput {
  /** The number of buckets that an operator asked for. Null: nobody asked. */
  readonly asked: number | null;
  /** STOP has come. */
  readonly stopping: boolean;
}

export type AuditorEvent =
  /** An operator asks for an audit now. */
  | { readonly type: "CHECK"; readonly buckets: number }
  | { readonly type: "STOP" };

export const auditorMachine = setup({
  types: {
    context: {} as AuditorContext,
    events: {} as AuditorEvent,
    input: {} as AuditorInput,
  },
  actors: {
    audit: fromPromise<AuditReport, AuditorContext>(({ input }) =>
      input.audit(input.asked ?? input.buckets)
    ),
  },
  guards: { isStopping: ({ context }) => context.stopping },
  actions: {
    noteAsked: assign({ asked: (_, buckets: number) => buckets }),
    forgetAsked: assign({ asked: null }),
    tell: ({ context }, audit: EndedAudit) => context.onEnded(audit),
    noteStop: assign({ stopping: true }),
  },
  // From half of the pause to one and a half times the pause.
  delays: { pause: ({ context }) => context.pauseMs * (0.5 + context.random()) },
}).createMachine({
  id: "auditor",
  context: ({ input }) => ({ ...input, asked: null, stopping: false }),
  initial: "waiting",
  on: { STOP: { actions: "noteStop" } },
  states: {
    waiting: {
      always: { guard: "isStopping", target: "stopped" },
      on: {
        CHECK: {
          target: "checking",
          actions: { type: "noteAsked", params: ({ event }) => event.buckets },
        },
      },
      after: { pause: "checking" },
    },
    checking: {
      invoke: {
        src: "audit",
        input: ({ context }) => context,
        onDone: {
          target: "waiting",
          actions: [
            { type: "tell", params: ({ event }) => ({ report: event.output }) },
            "forgetAsked",
          ],
        },
        onError: {
          target: "waiting",
          actions: [
            { type: "tell", params: ({ event }) => ({ error: event.error }) },
            "forgetAsked",
          ],
        },
      },
    },
    stopped: {},
  },
});
