/**
 * The spill drainer: brings overflow back to the database, batch by batch, as soon as it takes
 * orders again.
 */
import { type Actor, createActor, waitFor } from "xstate";
import type { ActorClock } from "../clock.ts";
import {
  drainBatch,
  type DrainReport,
  type DrainSource,
  type DrainStore,
  type Spilled,
} from "./drain_batch.ts";
import { overflowDrainerMachine } from "./machine.ts";

export interface OverflowDrainerOptions<Entry extends Spilled> {
  readonly source: DrainSource<Entry>;
  readonly store: DrainStore;
  /** The most orders that one batch may have. */
  readonly maxBatchOrders: number;
  /** True when the database takes orders, by what is known here. */
  readonly mayDrain: () => boolean;
  readonly clock: ActorClock;
  readonly random: () => number;
  readonly onDrained: (report: DrainReport) => void;
  readonly onFailed: (error: unknown) => void;
  /** Called when the machine itself fails, which is a bug. */
  readonly onBug: (error: unknown) => void;
}

export interface OverflowDrainer {
  readonly state: "idle" | "draining" | "backing_off" | "stopped";
  /** Says that the database takes orders again. */
  wake(): void;
  /** Takes no more batches, and resolves when the one under way has ended. Legal twice. */
  stop(): Promise<void>;
}

/** How often the buffer is looked at when nobody says that there is something in it. */
const POLL_MS = 1_000;

/** Makes and starts a drainer. */
export function startOverflowDrainer<Entry extends Spilled>(
  options: OverflowDrainerOptions<Entry>,
): OverflowDrainer {
  const { source, store, maxBatchOrders, mayDrain, clock, random, onDrained, onFailed } = options;
  const actor: Actor<typeof overflowDrainerMachine> = createActor(overflowDrainerMachine, {
    clock,
    input: {
      drain: (maxOrders) => drainBatch(source, store, maxOrders),
      maxBatchOrders,
      mayDrain,
      pollMs: POLL_MS,
      backoff: { firstMs: 200, maxMs: 2_000 },
      random,
      onDrained,
      onFailed,
    },
  });
  actor.subscribe({ error: options.onBug });
  actor.start();
  return {
    get state() {
      return actor.getSnapshot().value;
    },
    wake: () => {
      if (actor.getSnapshot().status === "active") actor.send({ type: "WAKE" });
    },
    stop: async () => {
      actor.send({ type: "STOP" });
      await waitFor(actor, (snapshot) => snapshot.value === "stopped");
      actor.stop();
    },
  };
}
