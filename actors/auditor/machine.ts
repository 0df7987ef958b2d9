/**
 * The auditor's machine: when the rollups are held against a recount.
 *
 *   waiting   nothing is checked. Left after a pause with jitter, so that instances that were started
 *             together do not check together, or when an operator asks.
 *   checking  an audit is under way; one that is asked for meanwhile is answered by it. Left when it
 *             has ended, well or not: an audit that failed said nothing, and the next one will.
 *   stopped   nothing is checked any more. Entered by STOP, after an audit under way has ended.
 */
import { assign, fromPromise, setup } from "xstate";
import type { AuditReport } from "../../client/contract/ops_runs.ts";

export interface AuditorInput {
  /** Checks so many buckets. */
  readonly audit: (buckets: number) => Promise<AuditReport>;
  readonly pauseMs: number;
  /** Buckets of an audit that nobody asked for. */
  readonly buckets: number;
  /** 0 to 1, exclusive. */
  readonly random: () => number;
  readonly onEnded: (audit: EndedAudit) => void;
}

export type EndedAudit = { readonly report: AuditReport } | { readonly error: unknown };

interface AuditorContext extends AuditorInput {
  /** Of the audit that comes next, or is under way. */
  readonly asked: number | null;
  /** STOP came during an audit. */
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
    stopAfterAudit: assign({ stopping: true }),
  },
  // Half of the pause to one and a half of it.
  delays: { pause: ({ context }) => context.pauseMs * (0.5 + context.random()) },
}).createMachine({
  id: "auditor",
  context: ({ input }) => ({ ...input, asked: null, stopping: false }),
  initial: "waiting",
  on: { STOP: ".stopped" },
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
      on: { STOP: { actions: "stopAfterAudit" } },
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
    stopped: { on: { STOP: {} } },
  },
});
