/**
 * A table of states and events that the compiler keeps complete: each state of a machine has a row,
 * and each event has a cell in that row. Both come from the machine's own type, so a new state or a
 * new event does not compile until it stands in the table.
 *
 * The tables are data of the tests and of docs/machines.md. The program does not read them, so they
 * stand here and not beside the machines.
 */
import type { AnyStateMachine } from "xstate";
import type { Scene } from "./scene.ts";

/** The leaves of a state value, as paths: `idle.resting`. */
export type Leaf<Value> = Value extends string ? Value : {
  [Key in keyof Value & string]: `${Key}.${Leaf<Value[Key]>}`;
}[keyof Value & string];

/** A state's answer to an event: the state in which the event ends, after all that it raises. */
export type Reaction<State extends string = string> =
  /** No transition takes the event. */
  | "ignored"
  | { readonly to: State }
  /** A transition takes the event and leads to no other state. The text says what it is for. */
  | { readonly stays: string }
  /** The machine leaves the state at once, so no event finds it there. */
  | { readonly passes: string };

/** One reaction, or one for each case where a guard decides. `otherwise` needs no setup. */
export type Cell<State extends string = string, Case extends string = string> =
  | Reaction<State>
  | { readonly when: { readonly [Key in Case | "otherwise"]?: Reaction<State> } };

export type Table<State extends string, EventType extends string, Case extends string = never> =
  Readonly<Record<State, Readonly<Record<EventType, Cell<State, Case>>>>>;

/** The steps by which a test brings a machine into a state, sets up a case, and sends an event. */
export interface Stage<
  State extends string,
  Event extends { readonly type: string },
  Case extends string,
  Setting extends Scene,
> {
  /** Brings a new machine into the state; null for a state that is left at once. */
  readonly bring: Readonly<Record<State, (() => Promise<Setting>) | null>>;
  /** Each event as it is sent, or one of them for each case. */
  readonly events: { readonly [Type in Event["type"]]: (given: Case | null) => Event };
  /** Sets up the case when the machine is in the state already. */
  readonly cases: Readonly<Record<Case, (scene: Setting) => void | Promise<void>>>;
}

/** One check: in this state, and in this case, the event must have this reaction. */
export interface Check {
  readonly state: string;
  readonly event: string;
  readonly given: string | null;
  readonly expected: Reaction;
  /** Brings a machine into the state and sends the event. @returns its reaction. */
  readonly run: () => Promise<Reaction>;
}

/** A table of one region, without the types of its machine. */
export interface Region {
  /** The path inside the machine; empty for a machine without parallel regions. */
  readonly path: string;
  readonly rows: Readonly<Record<string, Readonly<Record<string, Cell>>>>;
  readonly checks: readonly Check[];
}

/** A machine as docs/machines.md and the tests know it. */
export interface MachinePage {
  readonly title: string;
  readonly file: string;
  /** The decisions of the machine, in one to three sentences. */
  readonly about: string;
  readonly machine: AnyStateMachine;
  readonly regions: readonly Region[];
}

/** Joins a table with the stage on which its cells are tested. */
export function region<
  State extends string,
  Event extends { readonly type: string },
  Case extends string,
  Setting extends Scene,
>(
  path: string,
  rows: Table<State, Event["type"], Case>,
  stage: Stage<State, Event, Case, Setting>,
): Region {
  const checks: Check[] = [];
  for (const state of keysOf(rows)) {
    for (const event of keysOf<Event["type"]>(rows[state])) {
      for (const { given, reaction } of reactionsOf<State, Case>(rows[state][event])) {
        checks.push({
          state,
          event,
          given,
          expected: reaction,
          run: () => react(path, state, stage, stage.events[event](given), given),
        });
      }
    }
  }
  return { path, rows, checks };
}

/** The reactions of a cell with their cases, in their order. */
export function reactionsOf<State extends string, Case extends string>(
  cell: Cell<State, Case>,
): { readonly given: Case | null; readonly reaction: Reaction<State> }[] {
  if (typeof cell === "string" || !("when" in cell)) return [{ given: null, reaction: cell }];
  const { when } = cell;
  return keysOf<Case | "otherwise">(when).flatMap((name) => {
    const reaction = when[name];
    if (reaction === undefined) return [];
    return [{ given: name === "otherwise" ? null : name as Case, reaction }];
  });
}

async function react<
  State extends string,
  Event extends { readonly type: string },
  Case extends string,
  Setting extends Scene,
>(
  path: string,
  state: State,
  stage: Stage<State, Event, Case, Setting>,
  event: Event,
  given: Case | null,
): Promise<Reaction> {
  const bring = stage.bring[state];
  if (bring === null) return { passes: "" };
  const scene = await bring();
  try {
    if (given !== null) await stage.cases[given](scene);
    const before = scene.stateOf(path);
    if (before !== state) throw new Error(`the test brought ${path} into ${before}, not ${state}`);
    const taken = scene.send(event, path);
    const after = scene.stateOf(path);
    if (after !== before) return { to: after };
    return taken ? { stays: "" } : "ignored";
  } finally {
    scene.end();
  }
}

function keysOf<Key extends string>(record: { readonly [K in Key]?: unknown }): Key[] {
  return Object.keys(record) as Key[];
}
