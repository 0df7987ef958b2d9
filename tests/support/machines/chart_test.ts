import { assertEquals, assertThrows } from "@std/assert";
import { createMachine, fromPromise, setup } from "xstate";
import { chartsOf } from "./chart.ts";

const always = () => true;

Deno.test("chartsOf() prints an arrow that leaves a group outside of that group", () => {
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
      never: {},
    },
  });
  const [chart] = chartsOf(machine);
  assertEquals(chart?.text.split("\n"), [
    "stateDiagram-v2",
    "  state idle {",
    '    state "resting" as idle_resting',
    '    state "waiting" as idle_waiting',
    "    [*] --> idle_resting",
    "    idle_resting --> idle_waiting: after pause",
    "  }",
    "  [*] --> idle",
    "  idle --> over: STOP",
    "  idle_waiting --> busy: GO [mayGo]",
    "  busy --> over: work is done [isDone]",
    "  busy --> idle: work is done",
    "  busy --> idle: work fails",
    "  over --> [*]",
    "  never",
  ]);
});

Deno.test("chartsOf() gives a chart for each parallel region, at any depth", () => {
  const part = { initial: "off", states: { off: { on: { GO: "on" } }, on: {} } };
  const machine = createMachine({
    type: "parallel",
    states: { left: part, both: { type: "parallel", states: { first: part, second: part } } },
  });
  const charts = chartsOf(machine);
  assertEquals(charts.map(({ path }) => path), ["left", "both.first", "both.second"]);
  assertEquals(new Set(charts.map(({ text }) => text)).size, 1);
});

Deno.test("chartsOf() refuses a guard without a name", () => {
  const machine = createMachine({
    initial: "off",
    states: { off: { on: { GO: { guard: always, target: "on" } } }, on: {} },
  });
  assertThrows(() => chartsOf(machine), Error, "cannot name a guard");
});
