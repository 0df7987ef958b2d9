/**
 * The auditor: now and then it holds random rollups against their orders, so that drift is found
 * before somebody else finds it.
 */
import { type Actor, createActor, waitFor } from "xstate";
import { AUDITED_BUCKETS, type AuditReport } from "../../client/contract/ops_runs.ts";
import { auditorMachine, type EndedAudit } from "./machine.ts";
import type { ActorClock } from "../clock.ts";

export interface AuditorOptions {
  readonly audit: (buckets: number) => Promise<AuditReport>;
  readonly clock: ActorClock;
  readonly random: () => number;
  /** Called after every audit, whatever came of it; it must not throw. */
  readonly onEnded: (audit: EndedAudit) => void;
  /** Called when the machine itself fails, which is a bug. */
  readonly onBug: (error: unknown) => void;
}

export interface Auditor {
  /**
   * Audits now. While an audit is under way its report is the answer, however many buckets it has.
   * @throws what the audit throws; AuditorStopped
   */
  run(buckets: number): Promise<AuditReport>;
  /** Starts no more audits, and resolves when the one under way has ended. Legal twice. */
  stop(): Promise<void>;
}

/** No audit can be asked for any more. */
export class AuditorStopped extends Error {}

const PAUSE_MS = 60_000;

/** Makes and starts an auditor. */
export function startAuditor(options: AuditorOptions): Auditor {
  /** Those who asked for an audit, until one ends. */
  const asking = new Set<(audit: EndedAudit) => void>();
  const { audit, clock, random } = options;
  const actor: Actor<typeof auditorMachine> = createActor(auditorMachine, {
    clock,
    input: {
      audit,
      pauseMs: PAUSE_MS,
      buckets: AUDITED_BUCKETS,
      random,
      onEnded: (ended) => {
        options.onEnded(ended);
        for (const answer of asking) answer(ended);
        asking.clear();
      },
    },
  });
  actor.subscribe({ error: options.onBug });
  actor.start();
  return {
    run: async (buckets) => {
      const { value, context } = actor.getSnapshot();
      if (value === "stopped" || context.stopping) throw new AuditorStopped("it has stopped");
      const { promise, resolve } = Promise.withResolvers<EndedAudit>();
      asking.add(resolve);
      actor.send({ type: "CHECK", buckets });
      const ended = await promise;
      if ("error" in ended) throw ended.error;
      return ended.report;
    },
    stop: async () => {
      actor.send({ type: "STOP" });
      await waitFor(actor, (snapshot) => snapshot.value === "stopped");
      actor.stop();
    },
  };
}
