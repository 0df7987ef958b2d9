/**
 * One machine in simulated time, and a record of the transitions that an event takes in it. Work
 * that the machine starts never ends unless a test lets it.
 */
import type { AnyActor, InspectionEvent, StateValue } from "xstate";
import { SimulatedClock } from "../doubles/simulated_clock.ts";

/** Handed to `createActor` beside the input. */
export interface SceneOptions {
  readonly clock: SimulatedClock;
  readonly inspect: (event: InspectionEvent) => void;
}

export class Scene {
  readonly clock = new SimulatedClock();
  readonly #actor: AnyActor;
  /** The paths of the states whose transitions the latest event took. */
  #sources: string[] = [];

  constructor(create: (options: SceneOptions) => AnyActor) {
    const inspect = (event: InspectionEvent) => {
      if (event.type !== "@xstate.microstep") return;
      const taken = event._transitions.filter(({ target, actions }) =>
        target !== undefined || actions.length > 0
      );
      this.#sources.push(...taken.map(({ source }) => source.path.join(".")));
    };
    this.#actor = create({ clock: this.clock, inspect }).start();
  }

  /** The state of the region, as a path inside it. */
  stateOf(region: string): string {
    let value: StateValue | undefined = this.#actor.getSnapshot().value;
    for (const key of namesIn(region)) {
      value = typeof value === "object" ? value[key] : undefined;
    }
    return leafOf(value);
  }

  /** Sends an event. @returns true when a transition inside the region took it. */
  send(event: { readonly type: string }, region = ""): boolean {
    this.#sources = [];
    if (this.#actor.getSnapshot().status === "active") this.#actor.send(event);
    const isInside = (source: string) => `${source}.`.startsWith(region === "" ? "" : `${region}.`);
    return this.#sources.some(isInside);
  }

  end(): void {
    this.#actor.stop();
  }
}

/** Work that never ends. */
export function forever<Result = void>(): Promise<Result> {
  return new Promise(() => undefined);
}

function namesIn(path: string): string[] {
  return path === "" ? [] : path.split(".");
}

function leafOf(value: StateValue | undefined): string {
  if (typeof value === "string") return value;
  return Object.entries(value ?? {}).map(([key, inner]) => `${key}.${leafOf(inner)}`).join(" ");
}
