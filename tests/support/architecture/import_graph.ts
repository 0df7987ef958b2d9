/**
 * The imports of a file, found by the TypeScript compiler.
 *
 * The graph has `import` and `export … from`, dynamic `import()` of a literal, and types written
 * `import("…").T`. Relative names and the local names of the import map count as files. All other
 * names count as packages.
 */

import ts from "typescript";
import type { Source } from "./source.ts";

export interface Import {
  readonly node: ts.Node;
  readonly specifier: string;
  /** The path of the imported file; undefined for a package. */
  readonly file: string | undefined;
  /** Written `import type` or `export type`, or used as a type: absent at run time. */
  readonly typeOnly: boolean;
  /** The names that the imported file gives them; `all` where every name can be reached. */
  readonly names: readonly string[] | "all";
}

/** By the path of each file. */
export type ImportGraph = ReadonlyMap<string, readonly Import[]>;

export function importGraph(tree: readonly Source[]): ImportGraph {
  const aliases = localNames(tree);
  return new Map(tree.map((source) => [source.path, importsOf(source, aliases)]));
}

/** True when `start` imports from `folder`, itself or through other files of the graph. */
export function reaches(graph: ImportGraph, start: string, folder: string): boolean {
  const seen = new Set([start]);
  for (const path of seen) {
    for (const { file } of graph.get(path) ?? []) {
      if (file?.startsWith(folder)) return true;
      if (file !== undefined) seen.add(file);
    }
  }
  return false;
}

/** The imports of `source` in the order of its text; `aliases` is the result of `localNames`. */
export function importsOf(source: Source, aliases: ReadonlyMap<string, string>): Import[] {
  return source.nodes.flatMap((node) => {
    const parts = importParts(node);
    if (parts === undefined) return [];
    const { specifier } = parts;
    const file = /^\.{1,2}\//.test(specifier)
      ? new URL(specifier, `file:///${source.path}`).pathname.slice(1)
      : aliases.get(specifier);
    return [{ node, file, ...parts }];
  });
}

type Parts = Pick<Import, "specifier" | "typeOnly" | "names">;

function importParts(node: ts.Node): Parts | undefined {
  if (ts.isImportDeclaration(node) && ts.isStringLiteral(node.moduleSpecifier)) {
    const typeOnly = node.importClause?.isTypeOnly ?? false;
    return { specifier: node.moduleSpecifier.text, typeOnly, names: importedNames(node) };
  }
  if (
    ts.isExportDeclaration(node) && node.moduleSpecifier !== undefined &&
    ts.isStringLiteral(node.moduleSpecifier)
  ) {
    const names = node.exportClause !== undefined && ts.isNamedExports(node.exportClause)
      ? node.exportClause.elements.map(originalName)
      : "all";
    return { specifier: node.moduleSpecifier.text, typeOnly: node.isTypeOnly, names };
  }
  if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
    const [name] = node.arguments;
    if (name !== undefined && ts.isStringLiteralLike(name)) {
      return { specifier: name.text, typeOnly: false, names: "all" };
    }
  }
  if (
    ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument) &&
    ts.isStringLiteral(node.argument.literal)
  ) {
    const name = node.qualifier?.getText().split(".")[0];
    const names = name === undefined ? "all" : [name];
    return { specifier: node.argument.literal.text, typeOnly: true, names };
  }
  return undefined;
}

function importedNames({ importClause }: ts.ImportDeclaration): Import["names"] {
  const bindings = importClause?.namedBindings;
  if (bindings !== undefined && ts.isNamespaceImport(bindings)) return "all";
  return [
    ...(importClause?.name === undefined ? [] : ["default"]),
    ...(bindings?.elements.map(originalName) ?? []),
  ];
}

/** `a` of `a as b`. */
function originalName(element: ts.ImportSpecifier | ts.ExportSpecifier): string {
  return (element.propertyName ?? element.name).text;
}

/** The names that the import map of deno.json gives to files of the project. */
export function localNames(tree: readonly Source[]): Map<string, string> {
  const config = tree.find((source) => source.path === "deno.json");
  const { imports = {} }: { imports?: Record<string, string> } = JSON.parse(config?.text ?? "{}");
  return new Map(
    Object.entries(imports).filter(([, target]) => target.startsWith("./"))
      .map(([name, target]) => [name, target.slice(2)]),
  );
}
