/**
 * The bus's machine: which ways the folds' notices are heard on. There is nothing to switch when
 * one falls silent, since both are always listened to; the state is for operators.
 *
 *   redis     Redis is heard, and PostgreSQL's LISTEN too unless it has just been lost.
 *   postgres  LISTEN alone is heard.
 *   down      neither is heard: only the regular check of the database finds what is new.
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
