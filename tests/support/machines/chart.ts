/**
 * A machine as a Mermaid `stateDiagram-v2`, read from the machine object: nested states, guards,
 * delays and the end of invoked work. Each parallel region has a chart of its own.
 *
 * The chart shows moves alone. A transition without a target is in the table of states and events.
 * Mermaid draws no arrow from a group to a state inside that group. So the chart draws such a
 * transition from each state of the group that does not take the event itself.
 */
import type { AnyStateMachine, AnyStateNode, AnyTransitionDefinition } from "xstate";

/** The chart of a machine, or of one region of it: `path` names the region. */
export function chartOf(machine: AnyStateMachine, path = ""): string {
  const names = path === "" ? [] : path.split(".");
  const top = names.reduce<AnyStateNode>((node, name) => nodeIn(node, name), machine.root);
  return ["stateDiagram-v2", ...bodyOf(top, top, 1)].join("\n");
}

/** The states inside a node, and the arrows that begin and end inside it. */
function bodyOf(node: AnyStateNode, top: AnyStateNode, depth: number): string[] {
  const children = Object.values(node.states);
  const first = node.initial?.target[0];
  return [
    ...children.flatMap((child) => group(child, top, depth)),
    ...(first === undefined ? [] : [line(depth, `[*] --> ${idOf(first, top)}`)]),
    ...arrowsIn(node).map(({ source, target, label }) =>
      line(depth, `${idOf(source, top)} --> ${idOf(target, top)}: ${label}`)
    ),
    ...children.filter(({ type }) => type === "final").map((child) =>
      line(depth, `${idOf(child, top)} --> [*]`)
    ),
  ];
}

function group(node: AnyStateNode, top: AnyStateNode, depth: number): string[] {
  const id = idOf(node, top);
  const head = node.key === id ? node.key : `"${node.key}" as ${id}`;
  if (Object.keys(node.states).length === 0) {
    // Mermaid refuses the line `state open` in front of a group.
    return [line(depth, node.key === id ? id : `state ${head}`)];
  }
  return [line(depth, `state ${head} {`), ...bodyOf(node, top, depth + 1), line(depth, "}")];
}

/**
 * The arrows that begin and end inside the node, but not both inside one of its groups. Mermaid
 * draws the ends of an arrow inside the group in which the arrow is written.
 */
function arrowsIn(node: AnyStateNode): Arrow[] {
  return Object.values(node.states).flatMap((child) => {
    const arrows = [child, ...inside(child)].flatMap(arrowsFrom);
    return arrows.filter(({ source, target }) =>
      isInside(target, node) &&
      (source === target
        ? source === child
        : ![source, target].every((end) => isInside(end, child)))
    );
  });
}

interface Arrow extends Move {
  readonly source: AnyStateNode;
}

function arrowsFrom(source: AnyStateNode): Arrow[] {
  const { parent } = source;
  const inherited = parent === undefined || isLeftAtOnce(source) ? [] : movesOf(parent).filter(
    ({ target, eventType }) => isInside(target, parent) && !takes(source, eventType),
  );
  const own = movesOf(source).filter(({ target }) => !isInside(target, source));
  return [...own, ...inherited].map((move) => ({ ...move, source }));
}

interface Move {
  readonly target: AnyStateNode;
  readonly eventType: string;
  readonly label: string;
}

/** The transitions of a node that lead to a state, in the order in which they are tried. */
function movesOf(node: AnyStateNode): Move[] {
  const transitions = [...(node.always ?? []), ...[...node.transitions.values()].flat()];
  return transitions.flatMap((transition) =>
    (transition.target ?? []).map((target) => ({
      target,
      eventType: transition.eventType,
      label: labelOf(node, transition),
    }))
  );
}

/** True when the node itself has a transition for the event that has no guard. */
function takes(node: AnyStateNode, eventType: string): boolean {
  return (node.transitions.get(eventType) ?? []).some(({ guard }) => guard === undefined);
}

function labelOf(node: AnyStateNode, { eventType, guard }: AnyTransitionDefinition): string {
  const condition = guard === undefined ? "" : `[${guardText(guard)}]`;
  return [triggerOf(node, eventType), condition].filter((text) => text !== "").join(" ") ||
    "always";
}

/** An event's name, the delay by its name, or the invoked work that ended. */
function triggerOf(node: AnyStateNode, eventType: string): string {
  const [, kind, rest = ""] = /^xstate\.(after|done\.actor|error\.actor)\.(.*)$/.exec(eventType) ??
    [];
  if (kind === undefined) return eventType;
  if (kind === "after") return `after ${rest.slice(0, -node.id.length - 1)}`;
  const work = node.invoke.find(({ id }) => id === rest)?.src ?? rest;
  return `${String(work)} ${kind === "done.actor" ? "is done" : "fails"}`;
}

function guardText(guard: unknown): string {
  if (typeof guard === "string") return guard;
  if (typeof guard === "function" && "stateValue" in guard) {
    return `in ${JSON.stringify(guard.stateValue).replace(/[{}"]/g, "").replaceAll(":", " ")}`;
  }
  if (typeof guard === "object" && guard !== null && "type" in guard) return String(guard.type);
  throw new Error("the chart cannot name a guard; give it a name in the machine's setup");
}

/** True for a state that the machine leaves at once, so that no event can find it there. */
function isLeftAtOnce(node: AnyStateNode): boolean {
  const last = node.always?.at(-1);
  return last !== undefined && last.guard === undefined;
}

/** Compares the paths: an id may be a name that says nothing of the group. */
function isInside(node: AnyStateNode, group: AnyStateNode): boolean {
  return node.path.length > group.path.length &&
    group.path.every((key, index) => node.path[index] === key);
}

/** All states inside the node. */
function inside(node: AnyStateNode): AnyStateNode[] {
  return Object.values(node.states).flatMap((child) => [child, ...inside(child)]);
}

function nodeIn(node: AnyStateNode, name: string): AnyStateNode {
  const found = node.states[name];
  if (found === undefined) throw new Error(`${node.id} has no state ${name}`);
  return found;
}

/** The path below the top of the chart, as one word. */
function idOf(node: AnyStateNode, top: AnyStateNode): string {
  return node.path.slice(top.path.length).join("_");
}

function line(depth: number, text: string): string {
  return "  ".repeat(depth) + text;
}
