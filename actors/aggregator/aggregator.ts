/**
 * The aggregator: folds the journal into the rollups, again and again.
 *
 * The machine decides when (machine.ts). This file starts it, keeps the figures that operators see, and
 * lets an operator ask for a run.
 */
import { type Actor, createActor, waitFor } from "xstate";
import type { AggregatorStatus } from "../../client/contract/ops_status.ts";
import type { AggregateResult } from "../../client/contract/ops_runs.ts";
import { classify } from "../../sql/connection/failure.ts";
import { type FoldResult, MAX_BITE_ENTRIES } from "../../sql/figures/fold.ts";
import { aggregatorMachine, type FoldRun } from "./machine.ts";
import type { ActorClock } from "../clock.ts";

export interface AggregatorOptions {
  /** Folds at most `mostEntries` entries of the journal. */
  readonly fold: (mostEntries: number) => Promise<FoldResult>;
  /** The journal is folded this often when nothing wakes the aggregator. */
  readonly intervalMs: number;
  /** The shortest time between two folds. */
  readonly minGapMs: number;
  readonly clock: ActorClock;
  readonly random: () => number;
  /** Called after every run, also after one that failed. Must not throw. */
  readonly onRun?: (run: FoldRun) => void;
  /** Called when the machine itself fails. That is a bug. */
  readonly onBug: (error: unknown) => void;
}

export interface Aggregator {
  /** Tells that something was committed. Cheap: call it after every commit. */
  wake(): void;
  /** Folds now. @throws the fold's error, or AggregatorStopped. */
  run(): Promise<AggregateResult>;
  status(): AggregatorStatus;
  /** The same as in the status, without the cost of the whole status. */
  readonly state: AggregatorStatus["state"];
  /** Calls `listener` after every change of the machine's state. @returns a function that ends it. */
  onChange(listener: () => void): () => void;
  /** Starts no more runs. Resolves when the run under way has ended. May be called twice. */
  stop(): Promise<void>;
}

/** A run was asked for after the aggregator had stopped. */
export class AggregatorStopped extends Error {
  override readonly name = "AggregatorStopped";
}

/**
 * The pauses after failed folds. Chosen, not measured. First: one failed fold must not show on a
 * dashboard. Most: dashboards follow at most this long after the cause has gone. A fold that fails
 * costs the database little.
 */
const BACKOFF = { firstMs: 100, maxMs: 2_000 };
/** A commit cuts a longer pause short: orders are stored, so the fold may succeed too. */
const WOKEN_AFTER_MS = 500;

/** Makes and starts an aggregator. */
export function startAggregator(options: AggregatorOptions): Aggregator {
  return new MachineAggregator(options);
}

class MachineAggregator implements Aggregator {
  readonly #actor: Actor<typeof aggregatorMachine>;
  /** The callers who asked for a run. The next run that ends answers them all. */
  readonly #asking = new Set<(run: FoldRun) => void>();
  #lastRunMs: number | null = null;
  #lastRunAt: string | null = null;
  #lastError: string | null = null;
  #lastErrorAt: string | null = null;

  constructor(readonly options: AggregatorOptions) {
    const { clock, fold, intervalMs, minGapMs, random } = options;
    this.#actor = createActor(aggregatorMachine, {
      clock,
      input: {
        fold,
        maxEntries: MAX_BITE_ENTRIES,
        intervalMs,
        minGapMs,
        backoff: BACKOFF,
        wokenAfterMs: WOKEN_AFTER_MS,
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
    if (this.#isFolding) return { skipped: "running" };
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
    const { wokenAt, servedAt, overlaps, failuresInARow } = this.#actor.getSnapshot().context;
    const oldest = this.#isFolding ? servedAt ?? wokenAt : wokenAt;
    return {
      state: this.state,
      lastRunMs: this.#lastRunMs,
      lastRunAt: this.#lastRunAt,
      lagMs: oldest === null ? 0 : this.options.clock.now() - oldest,
      overlaps,
      intervalMs: this.options.intervalMs,
      failuresInARow,
      lastError: this.#lastError,
      lastErrorAt: this.#lastErrorAt,
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

  get #isFolding(): boolean {
    return this.#actor.getSnapshot().matches("folding");
  }

  #ended(run: FoldRun): void {
    this.#lastRunMs = run.ms;
    this.#lastRunAt = new Date().toISOString();
    if ("error" in run) {
      this.#lastError = classify(run.error).code;
      this.#lastErrorAt = this.#lastRunAt;
    }
    this.options.onRun?.(run);
    for (const resolve of this.#asking) resolve(run);
    this.#asking.clear();
  }
}
