import { assertEquals, assertThrows } from "@std/assert";
import { createMachine, fromPromise, setup } from "xstate";
import { chartOf } from "./chart.ts";

const always = () => true;

Deno.test("chartOf() prints an arrow that leaves a group outside of that group", () => {
  const machine = setup({
    types: { events: {} as { type: "GO" } | { type: "STOP" } },
    actors: { work: fromPromise(() => Promise.resolve()) },
    guards: { mayGo: always, isDone: always },
    delays: { pause: 10 },
  }).createMachine({
    id: "sample",
    initial: "idle",
    states: {
      idle: {
        initial: "resting",
        on: { STOP: "over" },
        states: {
          resting: { after: { pause: "waiting" } },
          waiting: { on: { GO: { guard: "mayGo", target: "#sample.busy" } } },
        },
      },
      busy: {
        invoke: {
          src: "work",
          onDone: [{ guard: "isDone", target: "over" }, { target: "idle" }],
          onError: "idle",
        },
      },
      over: { type: "final" },
    },
  });
  assertEquals(chartOf(machine).split("\n"), [
    "stateDiagram-v2",
    "  state idle {",
    '    state "resting" as idle_resting',
    '    state "waiting" as idle_waiting',
    "    [*] --> idle_resting",
    "    idle_resting --> idle_waiting: after pause",
    "  }",
    "  busy",
    "  over",
    "  [*] --> idle",
    "  idle --> over: STOP",
    "  idle_waiting --> busy: GO [mayGo]",
    "  busy --> over: work is done [isDone]",
    "  busy --> idle: work is done",
    "  busy --> idle: work fails",
    "  over --> [*]",
  ]);
});

Deno.test("chartOf() prints one parallel region by its path, and names its states inside of it", () => {
  const part = { initial: "off", states: { off: { on: { GO: "on" } }, on: {} } };
  const machine = createMachine({
    type: "parallel",
    states: { left: part, both: { type: "parallel", states: { first: part, second: part } } },
  });
  for (const path of ["left", "both.first", "both.second"]) {
    assertEquals(chartOf(machine, path).split("\n"), [
      "stateDiagram-v2",
      "  off",
      "  on",
      "  [*] --> off",
      "  off --> on: GO",
    ]);
  }
});

Deno.test("chartOf() refuses a guard without a name", () => {
  const machine = createMachine({
    initial: "off",
    states: { off: { on: { GO: { guard: always, target: "on" } } }, on: {} },
  });
  assertThrows(() => chartOf(machine), Error, "cannot name a guard");
});
