/**
 * The aggregator: keeps the rollups up with the orders by folding the journal.
 *
 * The machine decides when (machine.ts); this handle starts it, keeps the figures an
 * operator wants to see, and lets one ask for a run.
 */
import { type Actor, createActor, waitFor } from "xstate";
import type { AggregatorStatus } from "../../client/contract/ops_status.ts";
import type { AggregateResult } from "../../client/contract/ops_runs.ts";
import { type FoldResult, MAX_BITE_ENTRIES } from "../../sql/figures/fold.ts";
import { aggregatorMachine, type FoldRun } from "./machine.ts";
import type { ActorClock } from "../clock.ts";

export interface AggregatorOptions {
  /** Takes so many entries of the journal at the most. */
  readonly fold: (mostEntries: number) => Promise<FoldResult>;
  readonly intervalMs: number;
  readonly minGapMs: number;
  readonly clock: ActorClock;
  readonly random: () => number;
  /** Called after every run, whatever came of it; it must not throw. */
  readonly onRun?: (run: FoldRun) => void;
  /** Called when the machine itself fails, which is a bug. */
  readonly onBug: (error: unknown) => void;
}

export interface Aggregator {
  /** Says that something was committed. Cheap: call it after every commit. */
  wake(): void;
  /** Folds now. @throws what the fold throws. */
  run(): Promise<AggregateResult>;
  status(): AggregatorStatus;
  /** As in the status, but cheap. */
  readonly state: AggregatorStatus["state"];
  /** Calls `listener` after every change of the machine's state. @returns what ends that. */
  onChange(listener: () => void): () => void;
  /** Starts no more runs, and resolves when the one under way has ended. Legal twice. */
  stop(): Promise<void>;
}

/** No run can be asked for any more. */
export class AggregatorStopped extends Error {}

/** Makes and starts an aggregator. */
export function startAggregator(options: AggregatorOptions): Aggregator {
  return new MachineAggregator(options);
}

class MachineAggregator implements Aggregator {
  readonly #actor: Actor<typeof aggregatorMachine>;
  /** Those who asked for a run, until one ends. */
  readonly #asking = new Set<(run: FoldRun) => void>();
  #lastRunMs: number | null = null;
  #lastRunAt: string | null = null;

  constructor(readonly options: AggregatorOptions) {
    const { clock, fold, intervalMs, minGapMs, random } = options;
    this.#actor = createActor(aggregatorMachine, {
      clock,
      input: {
        fold,
        maxEntries: MAX_BITE_ENTRIES,
        intervalMs,
        minGapMs,
        backoff: { firstMs: 100, maxMs: 5_000 },
        now: clock.now,
        random,
        onRun: (run) => this.#ended(run),
      },
    });
    this.#actor.subscribe({ error: options.onBug });
    this.#actor.start();
  }

  wake(): void {
    if (this.#actor.getSnapshot().status === "active") this.#actor.send({ type: "WAKE" });
  }

  async run(): Promise<AggregateResult> {
    if (this.state.startsWith("running")) return { skipped: "running" };
    if (this.state === "stopped") throw new AggregatorStopped("the aggregator has stopped");
    const { promise, resolve } = Promise.withResolvers<FoldRun>();
    this.#asking.add(resolve);
    this.#actor.send({ type: "RUN" });
    const run = await promise;
    if ("error" in run) throw run.error;
    if (run.result.outcome === "locked") return { skipped: "locked" };
    const { version, journalRows, orders } = run.result;
    return { version, journalRows, orders, ms: run.ms };
  }

  status(): AggregatorStatus {
    const { wokenAt, servedAt, overlaps } = this.#actor.getSnapshot().context;
    const oldest = this.state.startsWith("running") ? servedAt ?? wokenAt : wokenAt;
    return {
      state: this.state,
      lastRunMs: this.#lastRunMs,
      lastRunAt: this.#lastRunAt,
      lagMs: oldest === null ? 0 : this.options.clock.now() - oldest,
      overlaps,
      intervalMs: this.options.intervalMs,
    };
  }

  onChange(listener: () => void): () => void {
    const subscription = this.#actor.subscribe({ next: listener, error: () => undefined });
    return () => subscription.unsubscribe();
  }

  async stop(): Promise<void> {
    this.#actor.send({ type: "STOP" });
    await waitFor(this.#actor, (snapshot) => snapshot.value === "stopped");
    this.#actor.stop();
  }

  get state(): AggregatorStatus["state"] {
    const { value } = this.#actor.getSnapshot();
    if (typeof value === "string") return value;
    return "folding" in value ? value.folding : "idle";
  }

  #ended(run: FoldRun): void {
    this.#lastRunMs = run.ms;
    this.#lastRunAt = new Date().toISOString();
    this.options.onRun?.(run);
    for (const resolve of this.#asking) resolve(run);
    this.#asking.clear();
  }
}
