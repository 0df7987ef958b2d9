/**
 * Imports make no circle. Imports of types count too: when two files need each other's types,
 * nobody can understand or move one of them without the other.
 */

import { type ImportGraph, importGraph } from "./import_graph.ts";
import type { Finding, Rule, Source } from "./source.ts";

export const importCircles: Rule = {
  name: "no file imports itself, neither directly nor through other files",
  check: findCircles,
  broken: [
    { at: ["sql/a.ts:1"], files: { "sql/a.ts": 'import "./a.ts";' } },
    {
      at: ["actors/a.ts:2"],
      files: {
        "actors/a.ts": 'import "./d.ts";\nimport { b } from "./b.ts";',
        "actors/b.ts": 'export { c } from "./c.ts";',
        "actors/c.ts": 'await import("./a.ts");',
        "actors/d.ts": "export {};",
      },
    },
    {
      at: ["tests/a.ts:1"],
      files: {
        "deno.json": '{ "imports": { "@std/x": "./tests/x.ts" } }',
        "tests/a.ts": 'import "@std/x";',
        "tests/x.ts": 'import "./a.ts";',
      },
    },
    {
      at: ["sql/a.ts:1"],
      files: {
        "sql/a.ts": 'import type { B } from "./b.ts";',
        "sql/b.ts": 'import { type A } from "./a.ts";',
      },
    },
    {
      at: ["sql/a.ts:1"],
      files: { "sql/a.ts": 'type B = import("./b.ts").B;', "sql/b.ts": 'export * from "./a.ts";' },
    },
  ],
  kept: [
    {
      "sql/a.ts": 'import "./b.ts"; import "./c.ts";',
      "sql/b.ts": 'import "./c.ts";',
      "sql/c.ts": "",
    },
  ],
};

/** Each circle once, at the import that starts it in the first of its files. */
function findCircles(tree: readonly Source[]): Finding[] {
  const graph = importGraph(tree);
  const reported = new Set<string>();
  return tree.flatMap((source) => {
    if (reported.has(source.path)) return [];
    const way = shortestWayBack(source.path, graph);
    if (way === undefined) return [];
    way.forEach((path) => reported.add(path));
    const next = way[1] ?? source.path;
    const first = graph.get(source.path)?.find((found) => found.file === next);
    const advice = "move what both need into a file of its own, or pass it in";
    return [source.finding(first?.node ?? 1, `circle ${way.join(" → ")}`, advice)];
  });
}

function shortestWayBack(
  start: string,
  graph: ImportGraph,
): string[] | undefined {
  const seen = new Set<string>();
  const ways = [[start]];
  for (let way = ways.shift(); way !== undefined; way = ways.shift()) {
    for (const { file } of graph.get(way.at(-1) ?? start) ?? []) {
      if (file === start) return [...way, start];
      if (file === undefined || seen.has(file)) continue;
      seen.add(file);
      ways.push([...way, file]);
    }
  }
  return undefined;
}
