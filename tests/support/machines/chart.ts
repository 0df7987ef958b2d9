/**
 * A machine as a Mermaid `stateDiagram-v2`, read from the machine object: nested states, parallel
 * regions, guards, delays and the end of invoked work.
 *
 * The chart shows moves alone. A transition without a target is in the table of states and events.
 * Mermaid draws no arrow from a state into itself as a group, so a transition that leads from a group
 * to a state inside it is drawn from each state of the group that does not take the event itself.
 */
import type { AnyStateMachine, AnyStateNode, AnyTransitionDefinition } from "xstate";

export function chartOf(machine: AnyStateMachine): string {
  const { root } = machine;
  const body = root.type === "parallel" ? group(root, 1) : bodyOf(root, 1);
  return ["stateDiagram-v2", ...body].join("\n");
}

/** The states inside a node and the arrows between them. */
function bodyOf(node: AnyStateNode, depth: number): string[] {
  const children = Object.values(node.states);
  if (node.type === "parallel") {
    return children.flatMap((child, index) => [
      ...(index === 0 ? [] : [line(depth, "--")]),
      ...group(child, depth),
    ]);
  }
  const first = node.initial?.target[0];
  return [
    ...children.flatMap((child) => group(child, depth)),
    ...(first === undefined ? [] : [line(depth, `[*] --> ${idOf(first)}`)]),
    ...children.flatMap((child) => arrowsFrom(child).map((arrow) => line(depth, arrow))),
    ...children.filter(({ type }) => type === "final").map((child) =>
      line(depth, `${idOf(child)} --> [*]`)
    ),
  ];
}

function group(node: AnyStateNode, depth: number): string[] {
  const head = node.key === idOf(node) ? node.key : `"${node.key}" as ${idOf(node)}`;
  if (Object.keys(node.states).length === 0) return [line(depth, `state ${head}`)];
  return [line(depth, `state ${head} {`), ...bodyOf(node, depth + 1), line(depth, "}")];
}

function arrowsFrom(node: AnyStateNode): string[] {
  const { parent } = node;
  const inherited = parent === undefined || isLeftAtOnce(node) ? [] : movesOf(parent).filter(
    ({ target, eventType }) => isInside(target, parent) && !takes(node, eventType),
  );
  const own = movesOf(node).filter(({ target }) => target === node || !isInside(target, node));
  return [...own, ...inherited].map(({ target, label }) =>
    `${idOf(node)} --> ${idOf(target)}: ${label}`
  );
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

/** The path as one word; a state directly in the machine keeps its name. */
function idOf(node: AnyStateNode): string {
  return node.path.join("_") || node.key;
}

function line(depth: number, text: string): string {
  return "  ".repeat(depth) + text;
}
