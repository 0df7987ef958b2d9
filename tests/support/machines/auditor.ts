/** The auditor's machine for docs/machines.md: its sentences, its table, and how it is tested. */
import { createActor, type EventFromLogic, type SnapshotFrom } from "xstate";
import { auditorMachine } from "../../../actors/auditor/machine.ts";
import { type Leaf, type MachinePage, region, type Stage, type Table } from "./reactions.ts";
import { forever, Scene } from "./scene.ts";

type State = Leaf<SnapshotFrom<typeof auditorMachine>["value"]>;
type Event = EventFromLogic<typeof auditorMachine>;

const reactions: Table<State, Event["type"]> = {
  waiting: { CHECK: { to: "checking" }, STOP: { to: "stopped" } },
  checking: { CHECK: "ignored", STOP: { stays: "the audit under way ends first" } },
  stopped: { CHECK: "ignored", STOP: { stays: "nothing is left to stop" } },
};

const stage: Stage<State, Event, never, Scene> = {
  bring: {
    waiting: () => Promise.resolve(aScene()),
    checking: () => after({ type: "CHECK", buckets: 1 }),
    stopped: () => after({ type: "STOP" }),
  },
  events: {
    CHECK: () => ({ type: "CHECK", buckets: 2 }),
    STOP: () => ({ type: "STOP" }),
  },
  cases: {},
};

export const auditor: MachinePage = {
  title: "auditor",
  file: "actors/auditor/machine.ts",
  about: `The auditor decides when rollups are compared with a recount.
It waits for a pause with jitter, or until an operator asks.
Only one audit runs at a time.`,
  machine: auditorMachine,
  regions: [region("", reactions, stage)],
};

function aScene(): Scene {
  return new Scene((options) =>
    createActor(auditorMachine, {
      ...options,
      input: {
        audit: () => forever(),
        pauseMs: 60_000,
        buckets: 5,
        random: () => 0.5,
        onEnded: () => undefined,
      },
    })
  );
}

function after(event: Event): Promise<Scene> {
  const scene = aScene();
  scene.send(event);
  return Promise.resolve(scene);
}
