/** The system's machine for docs/machines.md: its sentences, its table, and how it is tested. */
import { createActor, type EventFromLogic, type SnapshotFrom } from "xstate";
import { systemMachine } from "../../../actors/system_machine.ts";
import { type Leaf, type MachinePage, region, type Stage, type Table } from "./reactions.ts";
import { forever, Scene } from "./scene.ts";

type State = Leaf<SnapshotFrom<typeof systemMachine>["value"]>;
type Event = EventFromLogic<typeof systemMachine>;

const reactions: Table<State, Event["type"]> = {
  "starting.preparing": { STOP: { to: "stopping" }, LOST: { to: "stopping" } },
  "starting.waiting": { STOP: { to: "stopping" }, LOST: { to: "stopping" } },
  serving: { STOP: { to: "stopping" }, LOST: { to: "stopping" } },
  stopping: { STOP: "ignored", LOST: "ignored" },
  stopped: { STOP: "ignored", LOST: "ignored" },
};

const done = () => Promise.resolve();

const stage: Stage<State, Event, never, Scene> = {
  bring: {
    "starting.preparing": () => aScene(() => forever()),
    "starting.waiting": () => aScene(() => Promise.reject(new Error("the database is out"))),
    serving: () => aScene(done),
    stopping: () => stopped(() => forever()),
    stopped: () => stopped(done),
  },
  events: {
    STOP: () => ({ type: "STOP" }),
    LOST: () => ({ type: "LOST", error: new Error("the port is lost") }),
  },
  cases: {},
};

export const system: MachinePage = {
  title: "system",
  file: "actors/system_machine.ts",
  about: `The system is the life of one instance.
It prepares the database, serves, finishes the work under way, and stops.
A failure of the preparation is tried again with backoff, unless waiting cannot cure it.`,
  machine: systemMachine,
  regions: [region("", reactions, stage)],
};

async function aScene(
  prepare: () => Promise<void>,
  stop: () => Promise<void> = () => forever(),
): Promise<Scene> {
  const scene = new Scene((options) =>
    createActor(systemMachine, {
      ...options,
      input: {
        prepare,
        stop,
        isFatal: () => false,
        onPrepareFailed: () => undefined,
        backoff: { firstMs: 500, maxMs: 5_000 },
        random: () => 0.999,
      },
    })
  );
  await scene.clock.settle();
  return scene;
}

async function stopped(stop: () => Promise<void>): Promise<Scene> {
  const scene = await aScene(done, stop);
  scene.send({ type: "STOP" });
  await scene.clock.settle();
  return scene;
}
