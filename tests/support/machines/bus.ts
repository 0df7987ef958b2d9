/** The bus's machine for docs/machines.md: its sentences, its table, and how it is tested. */
import { createActor, type EventFromLogic, type SnapshotFrom } from "xstate";
import { busMachine, type Way } from "../../../actors/bus_machine.ts";
import { type Leaf, type MachinePage, region, type Stage, type Table } from "./reactions.ts";
import { Scene } from "./scene.ts";

type State = Leaf<SnapshotFrom<typeof busMachine>["value"]>;
type Event = EventFromLogic<typeof busMachine>;
type Case = `way ${Way}` | "way redis, while LISTEN is heard";

const known = { stays: "the machine notes the way" } as const;
const passed = { passes: "the machine decides at once" } as const;

const reactions: Table<State, Event["type"], Case> = {
  deciding: { HEARD: passed, LOST: passed },
  redis: {
    HEARD: { when: { "way redis": known, "way postgres": known } },
    LOST: {
      when: {
        "way redis": { to: "down" },
        "way redis, while LISTEN is heard": { to: "postgres" },
        "way postgres": known,
      },
    },
  },
  postgres: {
    HEARD: { when: { "way redis": { to: "redis" }, "way postgres": known } },
    LOST: { when: { "way redis": known, "way postgres": { to: "down" } } },
  },
  down: {
    HEARD: { when: { "way redis": { to: "redis" }, "way postgres": { to: "postgres" } } },
    LOST: { when: { "way redis": known, "way postgres": known } },
  },
};

const stage: Stage<State, Event, Case, Scene> = {
  bring: {
    deciding: null,
    redis: () => hearing("redis"),
    postgres: () => hearing("postgres"),
    down: () => hearing(),
  },
  events: {
    HEARD: (given) => ({ type: "HEARD", way: wayOf(given) }),
    LOST: (given) => ({ type: "LOST", way: wayOf(given) }),
  },
  cases: {
    "way redis": () => undefined,
    "way postgres": () => undefined,
    "way redis, while LISTEN is heard": (scene) => {
      scene.send({ type: "HEARD", way: "postgres" } as Event);
    },
  },
};

export const bus: MachinePage = {
  title: "bus",
  file: "actors/bus_machine.ts",
  about: `The bus says on which way an instance hears the notices of folds.
The instance listens on both ways all the time, so the state switches nothing.
Operators see it in \`ops.status\`.`,
  machine: busMachine,
  regions: [region("", reactions, stage)],
};

function wayOf(given: Case | null): Way {
  return given === "way postgres" ? "postgres" : "redis";
}

function hearing(way?: Way): Promise<Scene> {
  const scene = new Scene((options) => createActor(busMachine, options));
  if (way !== undefined) scene.send({ type: "HEARD", way } as Event);
  return Promise.resolve(scene);
}
