/**
 * Exports that no other file imports.
 *
 * A test counts as another file. An exported type or class is fine when another export of its file
 * mentions it: callers get its values without naming it. Methods and fields are not looked at.
 */

import ts from "typescript";
import { type Import, importsOf, localNames } from "./import_graph.ts";
import type { Rule, Source } from "./source.ts";

/** Programs outside the project import from these files, or copy them. */
const DOORS = ["client/mod.ts", "server/embedded/mod.ts", "examples/"];

interface Export {
  readonly name: string;
  /** The statement or the part of it that makes the export. */
  readonly node: ts.Node;
}

export const deadExports: Rule = {
  name: "every export is imported by another file",
  check: (tree) => {
    const used = usedNames(tree);
    const isDoor = ({ path }: Source) => DOORS.some((door) => path.startsWith(door));
    return tree.filter((source) => !isDoor(source)).flatMap((source) => {
      const names = used.get(source.path);
      if (names === "all") return [];
      const dead = exportsOf(source).filter(({ name }) => !names?.has(name));
      return dead.filter((found) => !isMentionedType(source, found)).map(({ name, node }) =>
        source.finding(
          node,
          `no other file imports ${name}`,
          "take the word `export` away, or the whole declaration if its own file does not need it",
        )
      );
    });
  },
  broken: [
    { at: ["sql/a.ts:1"], files: { "sql/a.ts": "export const a = 1;" } },
    { at: ["sql/a.ts:2"], files: { "sql/a.ts": "\nexport async function a() {}\na();" } },
    { at: ["tests/support/a.ts:1"], files: { "tests/support/a.ts": "export class A {}" } },
    { at: ["sql/a.ts:1"], files: { "sql/a.ts": "export interface A {}\nconst a: A = {};" } },
    {
      at: ["sql/a.ts:1"],
      files: { "sql/a.ts": "export default 1;", "sql/b.ts": 'import "./a.ts";' },
    },
    {
      at: ["sql/a.ts:1", "sql/a.ts:2"],
      files: { "sql/a.ts": "export interface A {}\nexport { b } from './b.ts';", "sql/b.ts": "" },
    },
    {
      at: ["sql/a.ts:2"],
      files: {
        "sql/a.ts": "const a = 1, b = 2;\nexport { a as c, b };",
        "sql/b.ts": 'import { b } from "./a.ts";',
      },
    },
    {
      at: ["sql/a.ts:2"],
      files: {
        "sql/a.ts": "type B = 1;\nexport type A = B;\nexport function c() { const a: A = 1; }",
        "sql/b.ts": 'import { c } from "./a.ts";',
      },
    },
  ],
  kept: [
    { "examples/a.ts": "export function placeOrder() {}" },
    {
      "sql/a.ts": "export const a = 1;",
      "tests/sql/a_test.ts": 'import { a } from "../../sql/a.ts";',
    },
    { "sql/a.ts": "export const a = 1;", "sql/b.ts": 'import * as a from "./a.ts";' },
    { "sql/a.ts": "export const a = 1;", "sql/b.ts": 'const { a } = await import("./a.ts");' },
    { "sql/a.ts": "export type A = 1;", "sql/b.ts": 'type B = import("./a.ts").A;' },
    { "sql/a.ts": "export default 1;", "sql/b.ts": 'import one from "./a.ts";' },
    {
      "sql/a.ts": "export interface A {}\nexport function b(): A { return {}; }",
      "sql/b.ts": 'import { b } from "./a.ts";',
    },
    {
      "client/mod.ts": 'export { a } from "./contract/a.ts";',
      "client/contract/a.ts": "export const a = 1;",
    },
  ],
};

/** By file: the names that other files import from it. */
function usedNames(tree: readonly Source[]): Map<string, Set<string> | "all"> {
  const aliases = localNames(tree);
  const used = new Map<string, Set<string> | "all">();
  for (const source of tree) {
    for (const { file, names } of importsOf(source, aliases)) {
      if (file !== undefined && file !== source.path) addNames(used, file, names);
    }
  }
  return used;
}

function addNames(
  used: Map<string, Set<string> | "all">,
  file: string,
  names: Import["names"],
): void {
  const before = used.get(file) ?? [];
  used.set(file, names === "all" || before === "all" ? "all" : new Set([...before, ...names]));
}

function exportsOf(source: Source): Export[] {
  if (!source.isTypeScript) return [];
  return source.ast.statements.flatMap((statement): Export[] => {
    if (ts.isExportAssignment(statement)) return [{ name: "default", node: statement }];
    if (ts.isExportDeclaration(statement)) {
      const clause = statement.exportClause;
      if (clause === undefined) return [];
      if (!ts.isNamedExports(clause)) return [{ name: clause.name.text, node: clause }];
      return clause.elements.map((element) => ({ name: element.name.text, node: element }));
    }
    if (!isExported(statement)) return [];
    if (ts.isVariableStatement(statement)) {
      return statement.declarationList.declarations.flatMap(({ name }) =>
        boundNames(name).map((bound) => ({ name: bound, node: statement }))
      );
    }
    const name = isDefault(statement) ? "default" : declaredName(statement);
    return name === undefined ? [] : [{ name, node: statement }];
  });
}

function declaredName(statement: ts.Statement): string | undefined {
  const isNamed = ts.isClassDeclaration(statement) || ts.isFunctionDeclaration(statement) ||
    ts.isInterfaceDeclaration(statement) || ts.isTypeAliasDeclaration(statement) ||
    ts.isEnumDeclaration(statement);
  return isNamed ? statement.name?.text : undefined;
}

function boundNames(name: ts.BindingName): string[] {
  if (ts.isIdentifier(name)) return [name.text];
  return name.elements.flatMap((element) =>
    ts.isBindingElement(element) ? boundNames(element.name) : []
  );
}

const isExported = (statement: ts.Statement) => has(statement, ts.SyntaxKind.ExportKeyword);
const isDefault = (statement: ts.Statement) => has(statement, ts.SyntaxKind.DefaultKeyword);

function has(statement: ts.Statement, modifier: ts.SyntaxKind): boolean {
  return ts.canHaveModifiers(statement) &&
    (ts.getModifiers(statement) ?? []).some(({ kind }) => kind === modifier);
}

/** True for a type or class that another exported declaration of the file names in its head. */
function isMentionedType(source: Source, { name, node }: Export): boolean {
  const isType = ts.isInterfaceDeclaration(node) || ts.isTypeAliasDeclaration(node) ||
    ts.isClassDeclaration(node);
  if (!isType) return false;
  const mentions = (other: ts.Node): boolean => {
    if (ts.isBlock(other)) return false;
    if (ts.isIdentifier(other) && other.text === name) return true;
    return ts.forEachChild(other, mentions) ?? false;
  };
  return source.ast.statements.some((other) =>
    other !== node && isExported(other) && mentions(other)
  );
}
