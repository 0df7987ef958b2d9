/**
 * docs/machines.md, written from the machines: sentences, charts, and tables of states and events.
 *
 * `tests/actors/charts_test.ts` fails when the page is old. Write it again with
 *
 *   deno run -A tests/support/machines/page.ts
 */
import { aggregator } from "./aggregator.ts";
import { auditor } from "./auditor.ts";
import { bus } from "./bus.ts";
import { chartOf } from "./chart.ts";
import { orderWriter } from "./order_writer.ts";
import { overflowDrainer } from "./overflow_drainer.ts";
import {
  type Cell,
  type MachinePage,
  type Reaction,
  reactionsOf,
  type Region,
} from "./reactions.ts";
import { system } from "./system.ts";

const LINE_WIDTH = 100;

export const PAGE = new URL("../../../docs/machines.md", import.meta.url);

const HEAD = `# Machines

Each decision that depends on time or on failures is made by a state machine. This page is written
from the machines themselves; \`tests/actors/charts_test.ts\` fails when it is old. Write it again:

\`\`\`sh
deno run -A tests/support/machines/page.ts
\`\`\`

A chart shows the moves. An arrow names the event, the delay or the end of the work, and the guard
in brackets. Arrows that share a start and an event are tried from the top.

A table shows each event in each state. \`tests/actors/reactions_test.ts\` runs each cell on the
machine:

- to \`x\`: the event ends in the state \`x\`, with all that it raises at once.
- stays: a transition takes the event, and the state is the same.
- ignored: no transition takes the event.
`;

export const machines: readonly MachinePage[] = [
  orderWriter,
  overflowDrainer,
  aggregator,
  auditor,
  bus,
  system,
];

/** The text of the page, as \`deno fmt\` leaves it. */
export function pageText(): string {
  return [HEAD, ...machines.map(sectionOf)].join("\n");
}

function sectionOf({ title, file, about, machine, regions }: MachinePage): string {
  const parts = regions.flatMap((region) => [
    ...(region.path === "" ? [] : [`### ${title}: ${region.path}`]),
    `\`\`\`mermaid\n${chartOf(machine, region.path)}\n\`\`\``,
    tableOf(region),
  ]);
  return [`## ${title}`, `\`${file}\``, wrapped(about), ...parts].join("\n\n") + "\n";
}

function tableOf({ rows }: Region): string {
  const events = Object.keys(Object.values(rows)[0] ?? {});
  const head = ["state", ...events];
  const body = Object.entries(rows).map(([state, cells]) => [
    `\`${state}\``,
    ...events.map((event) => cellText(cells[event] ?? "ignored")),
  ]);
  const widths = head.map((_, column) =>
    Math.max(...[head, ...body].map((row) => row[column]?.length ?? 0))
  );
  const rule = widths.map((width) => "-".repeat(width));
  return [head, rule, ...body].map((row) =>
    `| ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(" | ")} |`
  ).join("\n");
}

/** A case with the reaction of `otherwise` is tested and not shown. */
function cellText(cell: Cell): string {
  const lines = reactionsOf(cell).map(({ given, reaction }) => ({ given, words: text(reaction) }));
  const usual = lines.find(({ given }) => given === null)?.words;
  const shown = lines.filter(({ given, words }) => given === null || words !== usual);
  if (shown.length === 1) return shown.map(({ words }) => words).join();
  return shown.map(({ given, words }) => `${given ?? "otherwise"}: ${words}`).join("<br>");
}

function text(reaction: Reaction): string {
  if (typeof reaction === "string") return reaction;
  if ("to" in reaction) return `to \`${reaction.to}\``;
  return "stays" in reaction ? `stays: ${reaction.stays}` : `left at once: ${reaction.passes}`;
}

/** Breaks lines as `deno fmt` does. */
function wrapped(prose: string): string {
  const lines = [""];
  for (const word of prose.split(/\s+/)) {
    const last = lines.at(-1) ?? "";
    if (last !== "" && last.length + 1 + word.length > LINE_WIDTH) lines.push(word);
    else lines[lines.length - 1] = last === "" ? word : `${last} ${word}`;
  }
  return lines.join("\n");
}

if (import.meta.main) await Deno.writeTextFile(PAGE, pageText());
