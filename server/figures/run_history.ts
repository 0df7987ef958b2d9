/**
 * The run history of this instance's folds on its way to the database: gathered, and written down
 * together every few seconds, so that a history costs no fold a commit of its own. What the database
 * did not take waits, within a bound; a killed instance's last seconds are missing.
 */
import { classify } from "../../sql/connection/failure.ts";
import type { FoldRun } from "../../actors/aggregator/machine.ts";
import type { FoldRunRecord } from "../../sql/figures/fold_runs.ts";

export interface RunHistoryOptions {
  readonly write: (runs: readonly (FoldRunRecord & { agoMs: number })[]) => Promise<void>;
  /** Monotonic, milliseconds. */
  readonly now: () => number;
}

const WRITE_EVERY_MS = 5_000;
const MAX_WAITING = 1_000;

type Waiting = FoldRunRecord & { readonly endedAt: number };

export class RunHistory {
  #waiting: Waiting[] = [];
  #writing: Promise<void> | null = null;
  readonly #timer: ReturnType<typeof setInterval>;

  constructor(readonly options: RunHistoryOptions) {
    this.#timer = setInterval(() => this.#flush(), WRITE_EVERY_MS);
  }

  /** Takes in a run that has ended. One that found nothing to do is no history. */
  add(run: FoldRun): void {
    const record = recordOf(run);
    if (record === null) return;
    this.#waiting.push({ ...record, endedAt: this.options.now() });
    this.#waiting = this.#waiting.slice(-MAX_WAITING);
  }

  /** Writes what is here, if the database takes it. Legal twice. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#writing;
    this.#flush();
    await this.#writing;
  }

  #flush(): void {
    if (this.#writing !== null || this.#waiting.length === 0) return;
    const runs = this.#waiting;
    this.#waiting = [];
    const now = this.options.now();
    this.#writing = this.options.write(runs.map(({ endedAt, ...run }) => ({
      ...run,
      agoMs: now - endedAt,
    }))).catch(() => {
      this.#waiting = [...runs, ...this.#waiting].slice(-MAX_WAITING);
    }).finally(() => this.#writing = null);
  }
}

function recordOf(run: FoldRun): FoldRunRecord | null {
  const nothing = { lagMs: null, journalRows: null, orders: null, epoch: null, version: null };
  if ("error" in run) {
    return { ...nothing, outcome: "failed", ms: run.ms, error: classify(run.error).code };
  }
  const { result } = run;
  if (result.outcome === "locked" || result.notice === null) return null;
  const { lagMs, journalRows, orders, epoch, version } = result;
  return {
    outcome: "folded",
    ms: run.ms,
    lagMs,
    journalRows,
    orders,
    epoch,
    version,
    error: null,
  };
}
