/**
 * The auditor: about once a minute it compares random rollups with a recount of their orders, so that
 * the operator hears of drift before a shop does.
 */
import { type Actor, createActor, waitFor } from "xstate";
import { AUDITED_BUCKETS, type AuditReport } from "../../client/contract/ops_runs.ts";
import { auditorMachine, type EndedAudit } from "./machine.ts";
import type { ActorClock } from "../clock.ts";

export interface AuditorOptions {
  readonly audit: (buckets: number) => Promise<AuditReport>;
  readonly clock: ActorClock;
  readonly random: () => number;
  /** Called after every audit, also after one that failed. Must not throw. */
  readonly onEnded: (audit: EndedAudit) => void;
  /** Called when the machine itself fails. That is a bug. */
  readonly onBug: (error: unknown) => void;
}

export interface Auditor {
  /**
   * Audits now. If an audit is already under way, no second one starts: the answer is the report of
   * the first, even when it checks another number of buckets.
   * @throws the audit's error, or AuditorStopped.
   */
  run(buckets: number): Promise<AuditReport>;
  /** Starts no more audits. Resolves when the audit under way has ended. May be called twice. */
  stop(): Promise<void>;
}

/** An audit was asked for after the auditor had stopped. */
export class AuditorStopped extends Error {
  override readonly name = "AuditorStopped";
}

/**
 * The usual time between two audits. Chosen, not measured: ten buckets a minute are 14,400 a
 * day, and cost the database little.
 */
const PAUSE_MS = 60_000;

/** Makes and starts an auditor. */
export function startAuditor(options: AuditorOptions): Auditor {
  /** The callers who asked for an audit. The next audit that ends answers them all. */
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
      if (actor.getSnapshot().context.stopping) throw new AuditorStopped("it has stopped");
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
