/**
 * The bus's machine: it tells operators which ways bring the notices of folds. An instance always
 * listens on both ways. So it switches nothing when one way falls silent.
 *
 *   redis     Redis is heard. PostgreSQL's LISTEN is heard too, unless it has just been lost.
 *   postgres  Only LISTEN is heard.
 *   down      No way is heard. Only the regular check of the database finds new folds.
 *   deciding  Passed through after each change; the machine never rests here.
 *
 * Tested in tests/actors/bus_machine_test.ts and reactions_test.ts. docs/machines.md shows the chart.
 */
import { assign, setup } from "xstate";

export type Way = "redis" | "postgres";

export type BusEvent =
  | { readonly type: "HEARD"; readonly way: Way }
  | { readonly type: "LOST"; readonly way: Way };

export const busMachine = setup({
  types: {
    context: {} as { readonly heard: ReadonlySet<Way> },
    events: {} as BusEvent,
  },
  guards: {
    hearsRedis: ({ context }) => context.heard.has("redis"),
    hearsPostgres: ({ context }) => context.heard.has("postgres"),
  },
  actions: {
    note: assign({
      heard: ({ context, event }) => {
        const heard = new Set(context.heard);
        if (event.type === "HEARD") heard.add(event.way);
        else heard.delete(event.way);
        return heard;
      },
    }),
  },
}).createMachine({
  id: "bus",
  context: { heard: new Set() },
  initial: "down",
  on: {
    HEARD: { target: ".deciding", actions: "note" },
    LOST: { target: ".deciding", actions: "note" },
  },
  states: {
    deciding: {
      always: [
        { guard: "hearsRedis", target: "redis" },
        { guard: "hearsPostgres", target: "postgres" },
        { target: "down" },
      ],
    },
    redis: {},
    postgres: {},
    down: {},
  },
});
