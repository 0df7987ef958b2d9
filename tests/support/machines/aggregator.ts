/** The aggregator's machine for docs/machines.md: its sentences, its table, and its tests. */
import { createActor, type EventFromLogic, type SnapshotFrom } from "xstate";
import { aggregatorMachine } from "../../../actors/aggregator/machine.ts";
import type { FoldResult } from "../../../sql/figures/fold.ts";
import { type Leaf, type MachinePage, region, type Stage, type Table } from "./reactions.ts";
import { forever, Scene } from "./scene.ts";

type State = Leaf<SnapshotFrom<typeof aggregatorMachine>["value"]>;
type Event = EventFromLogic<typeof aggregatorMachine>;
type Case = "the pause has been long";

const MIN_GAP_MS = 250;
const LONG_PAUSE_MS = 300;

const noted = { stays: "the next fold serves it" } as const;
const endsFirst = { stays: "the fold under way ends first" } as const;

const reactions: Table<State, Event["type"], Case> = {
  "idle.resting": { WAKE: noted, RUN: { to: "folding.running" }, STOP: { to: "stopped" } },
  "idle.waiting": {
    WAKE: { to: "folding.running" },
    RUN: { to: "folding.running" },
    STOP: { to: "stopped" },
  },
  "folding.running": { WAKE: { to: "folding.running_pending" }, RUN: "ignored", STOP: endsFirst },
  "folding.running_pending": { WAKE: "ignored", RUN: "ignored", STOP: endsFirst },
  standby: { WAKE: noted, RUN: { to: "folding.running" }, STOP: { to: "stopped" } },
  backing_off: {
    WAKE: { when: { "the pause has been long": { to: "folding.running" }, otherwise: noted } },
    RUN: { to: "folding.running" },
    STOP: { to: "stopped" },
  },
  stopped: { WAKE: "ignored", RUN: "ignored", STOP: { stays: "nothing is left to stop" } },
};

const stage: Stage<State, Event, Case, Scene> = {
  bring: {
    "idle.resting": () => Promise.resolve(aScene()),
    "idle.waiting": async () => {
      const scene = aScene();
      await scene.clock.advance(MIN_GAP_MS);
      return scene;
    },
    "folding.running": () => after(["RUN"]),
    "folding.running_pending": () => after(["RUN", "WAKE"]),
    standby: () => after(["RUN"], () => Promise.resolve({ outcome: "locked" })),
    backing_off: () => after(["RUN"], () => Promise.reject(new Error("the fold failed"))),
    stopped: () => after(["STOP"]),
  },
  events: {
    WAKE: () => ({ type: "WAKE" }),
    RUN: () => ({ type: "RUN" }),
    STOP: () => ({ type: "STOP" }),
  },
  cases: { "the pause has been long": ({ clock }) => clock.advance(LONG_PAUSE_MS) },
};

export const aggregator: MachinePage = {
  title: "aggregator",
  file: "actors/aggregator/machine.ts",
  about: `The aggregator decides when the journal is folded into rollups.
It never runs two folds at once, and it leaves a gap between two folds.
While another instance holds the lock of the fold, it waits in \`standby\`.`,
  machine: aggregatorMachine,
  regions: [region("", reactions, stage)],
};

function aScene(fold: () => Promise<FoldResult> = () => forever()): Scene {
  return new Scene((options) =>
    createActor(aggregatorMachine, {
      ...options,
      input: {
        fold,
        maxEntries: 100,
        intervalMs: 5_000,
        minGapMs: MIN_GAP_MS,
        backoff: { firstMs: 500, maxMs: 5_000 },
        wokenAfterMs: LONG_PAUSE_MS,
        now: options.clock.now,
        random: () => 0.999,
        onRun: () => undefined,
      },
    })
  );
}

async function after(types: readonly Event["type"][], fold?: () => Promise<FoldResult>) {
  const scene = aScene(fold);
  for (const type of types) scene.send({ type });
  await scene.clock.settle();
  return scene;
}
