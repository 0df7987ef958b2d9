/**
 * A machine as a Mermaid `stateDiagram-v2`, read from the machine object: nested states, parallel
 * regions, guards, delays and the end of invoked work.
 *
 * The chart shows moves alone. A transition without a target is in the table of states and events.
 * Each parallel region has a chart of its own: all of them in one picture are too wide to read.
 *
 * An arrow stands in the innermost group that holds both of its ends. Mermaid draws a state inside the
 * group in which an arrow names it, so an arrow that leaves a group must not stand in that group.
 *
 * Mermaid draws no arrow from a state into itself as a group, so a transition that leads from a group
 * to a state inside it is drawn from each state of the group that does not take the event itself.
 */
import type { AnyStateMachine, AnyStateNode, AnyTransitionDefinition } from "xstate";

export interface Chart {
  /** The path of the parallel region, such as `lanes.first`. Empty for a machine without regions. */
  readonly path: string;
  readonly text: string;
}

/** One chart of the machine, or one for each of its parallel regions. */
export function chartsOf(machine: AnyStateMachine): Chart[] {
  return regionsOf(machine.root).map((region) => ({
    path: region.path.join("."),
    text: ["stateDiagram-v2", ...bodyOf(region, region, 1)].join("\n"),
  }));
}

function regionsOf(node: AnyStateNode): AnyStateNode[] {
  return node.type === "parallel" ? Object.values(node.states).flatMap(regionsOf) : [node];
}

/** The states inside a node, and the arrows that stay inside it. */
function bodyOf(node: AnyStateNode, region: AnyStateNode, depth: number): string[] {
  const children = Object.values(node.states);
  const first = node.initial?.target[0];
  const arrows = below(node).flatMap((from) =>
    arrowsFrom(from, region).filter(({ target }) => scopeOf(from, target) === node)
  );
  const drawn = new Set([first, ...arrows.flatMap(({ from, target }) => [from, target])]);
  const alone = children.filter((child) => !drawn.has(child) && !isDeclared(child, region));
  return [
    ...children.filter((child) => isDeclared(child, region))
      .flatMap((child) => group(child, region, depth)),
    ...(first === undefined ? [] : [line(depth, `[*] --> ${idOf(first, region)}`)]),
    ...arrows.map(({ text }) => line(depth, text)),
    ...children.filter(({ type }) => type === "final").map((child) =>
      line(depth, `${idOf(child, region)} --> [*]`)
    ),
    ...alone.map((child) => line(depth, idOf(child, region))),
  ];
}

function below(node: AnyStateNode): AnyStateNode[] {
  return Object.values(node.states).flatMap((child) => [child, ...below(child)]);
}

/** The innermost node around both ends of an arrow. */
function scopeOf(from: AnyStateNode, target: AnyStateNode): AnyStateNode | undefined {
  const around = new Set(above(target));
  return above(from).find((node) => around.has(node));
}

function above(node: AnyStateNode): AnyStateNode[] {
  return node.parent === undefined ? [] : [node.parent, ...above(node.parent)];
}

/** True for a group, and for a state whose id is not its name. Its arrows declare any other state. */
function isDeclared(node: AnyStateNode, region: AnyStateNode): boolean {
  return Object.keys(node.states).length > 0 || node.key !== idOf(node, region);
}

function group(node: AnyStateNode, region: AnyStateNode, depth: number): string[] {
  const id = idOf(node, region);
  const head = node.key === id ? `state ${id}` : `state "${node.key}" as ${id}`;
  if (Object.keys(node.states).length === 0) return [line(depth, head)];
  return [line(depth, `${head} {`), ...bodyOf(node, region, depth + 1), line(depth, "}")];
}

interface Arrow {
  readonly from: AnyStateNode;
  readonly target: AnyStateNode;
  readonly text: string;
}

function arrowsFrom(node: AnyStateNode, region: AnyStateNode): Arrow[] {
  const { parent } = node;
  const inherited = parent === undefined || isLeftAtOnce(node) ? [] : movesOf(parent).filter(
    ({ target, eventType }) => isInside(target, parent) && !takes(node, eventType),
  );
  const own = movesOf(node).filter(({ target }) => target === node || !isInside(target, node));
  return [...own, ...inherited].map(({ target, label }) => ({
    from: node,
    target,
    text: `${idOf(node, region)} --> ${idOf(target, region)}: ${label}`,
  }));
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

/** True when the node has a word of its own on the event that no guard can turn down. */
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

/** True for a state in which no event finds the machine. */
function isLeftAtOnce(node: AnyStateNode): boolean {
  const last = node.always?.at(-1);
  return last !== undefined && last.guard === undefined;
}

function isInside(node: AnyStateNode, group: AnyStateNode): boolean {
  return node !== group && `${node.id}.`.startsWith(`${group.id}.`);
}

/** The path inside the region as one word. A state directly in the region keeps its name. */
function idOf(node: AnyStateNode, region: AnyStateNode): string {
  return node.path.slice(region.path.length).join("_");
}

function line(depth: number, text: string): string {
  return "  ".repeat(depth) + text;
}
