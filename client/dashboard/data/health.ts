/**
 * The health of the actors: for each state a tone that colours it and a few words on its meaning.
 *
 * The words are always beside the colour, so that nothing is told by colour alone. `quiet` is for a
 * state that is neither good nor bad, such as a part that this deployment does not have.
 * Tested in tests/page/dashboard_test.ts.
 */
import type { OpsStatus } from "../../mod.ts";

export type Tone = "good" | "watch" | "bad" | "quiet";

export interface Health {
  readonly tone: Tone;
  /** The meaning of the state, in a few words. */
  readonly note: string;
}

type HealthOf<State extends string> = Readonly<Record<State, Health>>;

export const CIRCUIT: HealthOf<OpsStatus["writer"]["circuit"]> = {
  closed: { tone: "good", note: "orders are committed" },
  half_open: { tone: "watch", note: "probing the database" },
  open: { tone: "bad", note: "the database is out" },
};

export const INTAKE: HealthOf<OpsStatus["writer"]["intake"]> = {
  accepting: { tone: "good", note: "new orders are taken" },
  draining: { tone: "watch", note: "finishing what was taken" },
  stopped: { tone: "bad", note: "no orders are taken" },
};

export const AGGREGATOR: HealthOf<OpsStatus["aggregator"]["state"]> = {
  idle: { tone: "good", note: "everything is folded" },
  running: { tone: "good", note: "folding new orders" },
  running_pending: { tone: "good", note: "folding, one more to follow" },
  standby: { tone: "quiet", note: "another instance folds" },
  backing_off: { tone: "bad", note: "a fold failed, trying again" },
  stopped: { tone: "bad", note: "nothing is folded here" },
};

export const BUS: HealthOf<OpsStatus["bus"]["state"]> = {
  redis: { tone: "good", note: "Redis is heard" },
  postgres: { tone: "watch", note: "without Redis, by LISTEN alone" },
  down: { tone: "bad", note: "no notices, checking every 3 s" },
};

export const OVERFLOW: HealthOf<OpsStatus["spill"]["state"]> = {
  ready: { tone: "good", note: "can hold orders in an outage" },
  draining: { tone: "watch", note: "orders go back to the database" },
  unavailable: { tone: "quiet", note: "nothing to hold orders in an outage" },
  not_durable: { tone: "watch", note: "Redis may lose writes: not used" },
};

/** A state of an actor, as a page names it. */
export interface NamedState {
  readonly name: string;
  readonly state: string;
  readonly health: Health;
}

/** A state that this page does not know comes from a newer instance. It is shown as it is. */
const UNKNOWN: Health = { tone: "watch", note: "this page does not know the state" };

/** The health of `state`, whatever the instance says. */
export function healthOf(table: Readonly<Record<string, Health>>, state: string): Health {
  return Object.hasOwn(table, state) ? table[state] ?? UNKNOWN : UNKNOWN;
}

/** The states that somebody should look at, worst first. */
export function worrying({ writer, aggregator, bus, spill, deadLetters }: OpsStatus): NamedState[] {
  const all = [
    { name: "circuit", state: writer.circuit, health: healthOf(CIRCUIT, writer.circuit) },
    { name: "intake", state: writer.intake, health: healthOf(INTAKE, writer.intake) },
    { name: "aggregator", state: aggregator.state, health: healthOf(AGGREGATOR, aggregator.state) },
    { name: "bus", state: bus.state, health: healthOf(BUS, bus.state) },
    { name: "overflow", state: spill.state, health: healthOf(OVERFLOW, spill.state) },
    {
      name: "dead letters",
      state: `${deadLetters.open} open`,
      health: deadLettersHealth(deadLetters.open),
    },
  ];
  const of = (tone: Tone) => all.filter(({ health }) => health.tone === tone);
  return [...of("bad"), ...of("watch")];
}

/** Dead letters wait for a person. */
export function deadLettersHealth(open: number): Health {
  return open === 0
    ? { tone: "good", note: "no order waits" }
    : { tone: "watch", note: "someone has to decide" };
}
