/** The drainer's machine for docs/machines.md: its sentences, its table, and how it is tested. */
import { createActor, type EventFromLogic, type SnapshotFrom } from "xstate";
import type { DrainReport } from "../../../actors/overflow_drainer/drain_batch.ts";
import { overflowDrainerMachine } from "../../../actors/overflow_drainer/machine.ts";
import { type Leaf, type MachinePage, region, type Stage, type Table } from "./reactions.ts";
import { forever, Scene } from "./scene.ts";

type State = Leaf<SnapshotFrom<typeof overflowDrainerMachine>["value"]>;
type Event = EventFromLogic<typeof overflowDrainerMachine>;
type Case = "the database is out";

const reactions: Table<State, Event["type"], Case> = {
  idle: {
    WAKE: { when: { "the database is out": "ignored", otherwise: { to: "draining" } } },
    STOP: { to: "stopped" },
  },
  draining: { WAKE: "ignored", STOP: { stays: "the batch under way ends first" } },
  backing_off: { WAKE: "ignored", STOP: { to: "stopped" } },
  stopped: { WAKE: "ignored", STOP: { stays: "nothing is left to stop" } },
};

const stage: Stage<State, Event, Case, DrainerScene> = {
  bring: {
    idle: () => after([]),
    draining: () => after(["WAKE"]),
    backing_off: () => after(["WAKE"], () => Promise.reject(new Error("the batch failed"))),
    stopped: () => after(["STOP"]),
  },
  events: {
    WAKE: () => ({ type: "WAKE" }),
    STOP: () => ({ type: "STOP" }),
  },
  cases: {
    "the database is out": ({ database }) => {
      database.takesOrders = false;
    },
  },
};

export const overflowDrainer: MachinePage = {
  title: "overflow_drainer",
  file: "actors/overflow_drainer/machine.ts",
  about: `The drainer decides when orders go from the overflow into the database.
It drains one batch after the other until the overflow is empty.
After a failure it waits with backoff.`,
  machine: overflowDrainerMachine,
  regions: [region("", reactions, stage)],
};

class DrainerScene extends Scene {
  constructor(drain: () => Promise<DrainReport>, readonly database = { takesOrders: true }) {
    super((options) =>
      createActor(overflowDrainerMachine, {
        ...options,
        input: {
          drain,
          maxBatchOrders: 100,
          mayDrain: () => database.takesOrders,
          pollMs: 5_000,
          backoff: { firstMs: 500, maxMs: 5_000 },
          random: () => 0.999,
          onDrained: () => undefined,
          onFailed: () => undefined,
        },
      })
    );
  }
}

async function after(
  types: readonly Event["type"][],
  drain: () => Promise<DrainReport> = () => forever(),
): Promise<DrainerScene> {
  const scene = new DrainerScene(drain);
  for (const type of types) scene.send({ type });
  await scene.clock.settle();
  return scene;
}
