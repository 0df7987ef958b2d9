/**
 * The status board: what every actor of this instance is doing, in one object, now or as it changes.
 */
import type { AggregatorStatus } from "../actors/aggregator.ts";
import type { BusState } from "../actors/bus_machine.ts";
import type { OrderWriterStatus } from "../actors/order_writer.ts";
import { pause } from "./pause.ts";
import type { OverflowStatus } from "./spill/mod.ts";

/** See the contract's `ops.status`. */
export interface OpsStatus {
  readonly instanceId: string;
  readonly startedAt: string;
  readonly version: string;
  readonly writer: OrderWriterStatus;
  readonly aggregator: AggregatorStatus;
  readonly bus: { readonly state: BusState };
  readonly spill: OverflowStatus;
  readonly deadLetters: { readonly open: number };
  readonly live: { readonly subscribers: number };
}

export interface StatusBoardOptions {
  readonly instanceId: string;
  readonly version: string;
  readonly writer: () => OrderWriterStatus;
  readonly aggregator: () => AggregatorStatus;
  readonly bus: () => BusState;
  readonly spill: () => OverflowStatus;
  readonly deadLetters: () => number;
  readonly subscribers: () => number;
}

export interface StatusBoard {
  read(): OpsStatus;
  /** The status now, and again whenever something of it has changed. */
  watch(signal: AbortSignal | undefined): AsyncGenerator<OpsStatus>;
  /** Ends every `watch`. */
  stop(): void;
}

/** Figures that no state change announces (a queue's length) are looked at this often. */
const LOOK_EVERY_MS = 1_000;
/** Changes that follow each other faster are shown together. */
const MIN_GAP_MS = 200;

/** Makes the board of an instance; `actors` are those whose changes are shown at once. */
export function createStatusBoard(
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
    deadLetters: { open: options.deadLetters() },
    live: { subscribers: options.subscribers() },
  });
  const stopping = new AbortController();
  return {
    read,
    stop: () => stopping.abort(),
    watch: async function* (callerGone) {
      const signal = callerGone === undefined
        ? stopping.signal
        : AbortSignal.any([stopping.signal, callerGone]);
      let shown = "";
      while (!signal.aborted) {
        const status = read();
        const text = JSON.stringify(status);
        if (text !== shown) yield status;
        shown = text;
        await pause(MIN_GAP_MS, signal);
        if (statesOf(read()) !== statesOf(status)) continue;
        await changeOf(actors, () => statesOf(read()), signal);
      }
    },
  };
}

/** The states of all actors, which are shown as soon as one changes. */
function statesOf({ writer, aggregator, bus, spill }: OpsStatus): string {
  return [writer.circuit, writer.intake, aggregator.state, bus.state, spill.state].join();
}

/** Something whose state changes. */
export interface Changing {
  onChange(listener: () => void): () => void;
}

/** Resolves when a state differs from what it is now, or after `LOOK_EVERY_MS`. */
async function changeOf(
  actors: readonly Changing[],
  states: () => string,
  signal: AbortSignal,
): Promise<void> {
  const before = states();
  const waiting = new AbortController();
  const unsubscribe = actors.map((actor) =>
    actor.onChange(() => {
      if (states() !== before) waiting.abort();
    })
  );
  // Not AbortSignal.any(): each call would leave something behind in the long-lived signal.
  const end = () => waiting.abort();
  signal.addEventListener("abort", end);
  if (!signal.aborted) await pause(LOOK_EVERY_MS, waiting.signal);
  signal.removeEventListener("abort", end);
  for (const stop of unsubscribe) stop();
}
