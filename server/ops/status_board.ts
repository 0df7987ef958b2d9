/**
 * The status board: the state of every actor of this instance in one object, now or as it changes.
 *
 * The status is read once for all viewers, and only while somebody watches: at once when an actor's
 * state has changed, each second for the figures, and never twice within `MIN_GAP_MS`.
 */
import type { OpsStatus } from "../../client/contract/ops_status.ts";
import type { Changing } from "./problems/start.ts";
import type { Gauges } from "../telemetry/gauges.ts";

export interface StatusBoardOptions extends Gauges {
  readonly instanceId: string;
  readonly version: string;
  /** The rule of the open dead letter that failed last, in words; null: none is known. */
  readonly latestRule: () => string | null;
  /** The states of all actors in one text. Must be cheap: it is read at every change of an actor. */
  readonly states: () => string;
}

export interface StatusBoard {
  read(): OpsStatus;
  /**
   * Yields at once, and again whenever the status has changed. Each yield is a function that gives
   * the newest status when it is called, so that a slow viewer skips older ones.
   */
  watch(signal: AbortSignal | undefined): AsyncGenerator<() => OpsStatus>;
  /** Ends every `watch`. */
  stop(): void;
}

/** Figures change without a change of state (a queue's length), so we look this often. */
const LOOK_EVERY_MS = 1_000;
/** Changes that follow each other faster than this are shown together. */
const MIN_GAP_MS = 200;

/** Makes the board of an instance. @param actors their changes are shown at once */
export function startStatusBoard(
  options: StatusBoardOptions,
  actors: readonly Changing[],
): StatusBoard {
  const startedAt = new Date().toISOString();
  const read = (): OpsStatus => ({
    instanceId: options.instanceId,
    startedAt,
    version: options.version,
    writer: options.writer(),
    aggregator: options.aggregator(),
    bus: { state: options.bus() },
    spill: options.spill(),
    deadLetters: { open: options.deadLetters(), latestRule: options.latestRule() },
    live: { subscribers: options.subscribers() },
    auditor: options.auditor(),
    problems: options.problems(),
  });
  const stopping = new AbortController();
  const watcher = new Watcher(read, options.states, actors);
  return {
    read,
    stop: () => stopping.abort(),
    watch: (callerGone) =>
      watcher.watch(
        callerGone === undefined ? stopping.signal : AbortSignal.any([stopping.signal, callerGone]),
      ),
  };
}

/** Looks at the status for all viewers. */
class Watcher {
  /** Wakes each viewer. */
  readonly #viewers = new Set<() => void>();
  #newest: OpsStatus | null = null;
  #text = "";
  #states = "";
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** True once the latest look is `MIN_GAP_MS` ago, so that a change is looked at without delay. */
  #isResting = true;
  #unsubscribe: (() => void)[] = [];

  constructor(
    readonly read: () => OpsStatus,
    readonly states: () => string,
    readonly actors: readonly Changing[],
  ) {}

  async *watch(signal: AbortSignal): AsyncGenerator<() => OpsStatus> {
    let shown: OpsStatus | null = null;
    const takeNewest = () => shown = this.#newest ?? this.read();
    let wake = () => {};
    const viewer = () => wake();
    signal.addEventListener("abort", viewer);
    try {
      this.#join(viewer);
      while (!signal.aborted) {
        if (shown !== this.#newest) {
          yield takeNewest;
          continue;
        }
        const { promise, resolve } = Promise.withResolvers<void>();
        wake = resolve;
        await promise;
      }
    } finally {
      signal.removeEventListener("abort", viewer);
      this.#leave(viewer);
    }
  }

  #join(viewer: () => void): void {
    this.#viewers.add(viewer);
    if (this.#viewers.size === 1) {
      this.#unsubscribe = this.actors.map((actor) => actor.onChange(() => this.#changed()));
    }
    if (this.#isResting) this.#look();
  }

  #leave(viewer: () => void): void {
    this.#viewers.delete(viewer);
    if (this.#viewers.size > 0) return;
    clearTimeout(this.#timer);
    for (const end of this.#unsubscribe) end();
    this.#unsubscribe = [];
    this.#isResting = true;
  }

  #changed(): void {
    if (this.#isResting && this.states() !== this.#states) this.#look();
  }

  #look(): void {
    clearTimeout(this.#timer);
    this.#isResting = false;
    this.#timer = setTimeout(() => this.#rest(), MIN_GAP_MS);
    this.#states = this.states();
    const status = this.read();
    const text = JSON.stringify(status);
    if (text === this.#text) return;
    this.#text = text;
    this.#newest = status;
    for (const wake of this.#viewers) wake();
  }

  #rest(): void {
    if (this.states() !== this.#states) return this.#look();
    this.#isResting = true;
    this.#timer = setTimeout(() => this.#look(), LOOK_EVERY_MS);
  }
}
