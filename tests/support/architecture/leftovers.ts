/**
 * Leftovers of work on the code: notes to oneself, printed output, tests that are switched off or
 * run alone, types that switch the checker off, and paths of one machine.
 */

import ts from "typescript";
import { type Finding, findText, type Rule, type Source } from "./source.ts";

/** Adapters to untyped worlds: the only files that may say `any` or silence a checker. */
const LOOSE_TYPE_FILES: readonly string[] = [];

const MARKER = /\b(TODO|FIXME|XXX|HACK)\b/g;
const SILENCER = /@ts-(?:ignore|nocheck)\b|\bdeno-lint-ignore(?:-file)?\b/g;
const EXPECT_ERROR = /@ts-expect-error\b/g;
const MACHINE_PATH = /(?:^|[\s"'`(=:@,[])(\/(?:home|root|work|Users)\/[\w.-]+)/gm;
const MAY_PRINT = [
  "server/cli/",
  "client/package/",
  "examples/",
  "tests/run.ts",
  "tests/bench/",
  "tests/mutants/",
];

/** A folder of one machine, in pieces: the rule would find the whole path in this file. */
const FOLDER = ["", "home", "ada"].join("/");

export const markers: Rule = {
  name: "no notes to oneself are left",
  check: (tree) =>
    tree.filter((source) => source.path !== "deno.lock").flatMap((source) =>
      findText(source, source.withoutLiterals, MARKER, "do it now, or file an issue")
    ),
  broken: [
    { at: ["sql/a.ts:2"], files: { "sql/a.ts": "f();\n// TODO: sort" } },
    { at: ["sql/a.sql:1"], files: { "sql/a.sql": "-- FIXME" } },
    { at: ["client/a.css:1"], files: { "client/a.css": "/* HACK for old browsers */" } },
    { at: ["tests/a_test.ts:3"], files: { "tests/a_test.ts": "/**\n * \n * XXX */" } },
  ],
  kept: [
    { "sql/a.ts": 'say("TODO"); // todo lists, mktemp XXXXXX', "deno.lock": "XXX" },
  ],
};

export const printing: Rule = {
  name: `only ${MAY_PRINT.join(", ")} print with console.log`,
  check: (tree) =>
    tree.filter((source) => !MAY_PRINT.some((place) => source.path.startsWith(place))).flatMap(
      (source) =>
        source.nodes.filter((node) => isAccess(node, "console", "log")).map((node) =>
          source.finding(node, "console.log", "use the logger, or take it out")
        ),
    ),
  broken: [
    { at: ["server/a.ts:1"], files: { "server/a.ts": "console.log(1);" } },
    { at: ["tests/a_test.ts:1"], files: { "tests/a_test.ts": "list.forEach(console.log);" } },
  ],
  kept: [
    { "server/cli/a.ts": "console.log(1);", "tests/run.ts": "console.log(1);" },
    { "examples/a.ts": "console.log(1);" },
    { "tests/bench/a.ts": "console.log(1);", "server/a.ts": "// console.log(1)\nlog.info('x');" },
  ],
};

export const testSwitches: Rule = {
  name: "no test is alone or switched off",
  check: (tree) =>
    tree.flatMap((source) => source.nodes.flatMap((node) => testSwitch(source, node))),
  broken: [
    { at: ["tests/a_test.ts:1"], files: { "tests/a_test.ts": 'Deno.test.only("a", run);' } },
    { at: ["tests/a_test.ts:1"], files: { "tests/a_test.ts": 'Deno.test.ignore("a", run);' } },
    {
      at: ["tests/a_test.ts:1", "tests/a_test.ts:2"],
      files: {
        "tests/a_test.ts": "Deno.test({ ignore: true, fn });\nDeno.test({ only: true, fn });",
      },
    },
    { at: ["tests/a_test.ts:1"], files: { "tests/a_test.ts": "t.step({ ignore: !ready, fn });" } },
  ],
  kept: [{ "tests/a_test.ts": 'Deno.test("a", run); // .only(\nsay(".only("); filter.only;' }],
};

export const looseTypes: Rule = {
  name: "no `any`, no `as never`, no silenced checker",
  check: (tree) =>
    tree.filter((source) => source.isTypeScript && !LOOSE_TYPE_FILES.includes(source.path))
      .flatMap((source) => [
        ...source.nodes.flatMap((node) => looseType(source, node)),
        ...findText(
          source,
          source.withoutLiterals,
          SILENCER,
          "mend what it hides, or move it into an adapter named in LOOSE_TYPE_FILES",
        ),
        ...(source.isTest ? [] : findText(
          source,
          source.withoutLiterals,
          EXPECT_ERROR,
          "only a test may expect the checker to refuse",
        )),
      ]),
  broken: [
    { at: ["sql/a.ts:1"], files: { "sql/a.ts": "export function a(b: any) {}" } },
    { at: ["sql/a.ts:2"], files: { "sql/a.ts": "type A =\n  Record<string, any>;" } },
    { at: ["sql/a.ts:1"], files: { "sql/a.ts": "f(x as never);" } },
    { at: ["sql/a.ts:1"], files: { "sql/a.ts": "f(<any> x);" } },
    { at: ["sql/a.ts:1"], files: { "sql/a.ts": "// @ts-ignore: why\nf();" } },
    { at: ["sql/a.ts:1"], files: { "sql/a.ts": "// @ts-expect-error\nf();" } },
    { at: ["sql/a.ts:1"], files: { "sql/a.ts": "// deno-lint-ignore no-explicit-any\nf();" } },
    { at: ["sql/a.ts:1"], files: { "sql/a.ts": "/* deno-lint-ignore-file */" } },
  ],
  kept: [
    { "sql/a.ts": "// any order, as never before\nf(x as unknown); const any = 'as never';" },
    {
      "sql/b.ts":
        "function fail(): never { throw new Error('@ts-ignore'); } type F = (n: never) => 1;",
    },
    { "tests/a_test.ts": "// @ts-expect-error: refused\nf();" },
  ],
};

export const machinePaths: Rule = {
  name: "no path of one machine stands anywhere",
  check: (tree) =>
    tree.filter((source) => source.path !== "deno.lock").flatMap((source) =>
      findText(source, source.text, MACHINE_PATH, "make it relative, or a setting")
    ),
  broken: [
    { at: ["server/a.ts:1"], files: { "server/a.ts": `read("${FOLDER}/orders.json");` } },
    { at: ["server/a.ts:2"], files: { "server/a.ts": `\n// see ${FOLDER}` } },
    { at: ["compose.yaml:1"], files: { "compose.yaml": `  - ${FOLDER}:/weir` } },
    { at: ["README.md:1"], files: { "README.md": `(${FOLDER})` } },
  ],
  kept: [
    {
      "README.md": `https://example.org${FOLDER} and a folder such as /root that only root enters`,
    },
    { "server/a.ts": 'import "./home/page.ts"; const work = "server/work/a";' },
  ],
};

function testSwitch(source: Source, node: ts.Node): Finding[] {
  if (ts.isCallExpression(node) && ts.isPropertyAccessExpression(node.expression)) {
    const { name, expression } = node.expression;
    const off = name.text === "ignore" && /(^|\.)(test|describe|it)$/.test(expression.getText());
    if (name.text !== "only" && !off) return [];
    return [source.finding(node, `.${name.text}(`, "let every test run")];
  }
  if (!ts.isPropertyAssignment(node) || !source.isTest) return [];
  const name = node.name.getText();
  if (name !== "ignore" && name !== "only") return [];
  const value = node.initializer;
  const isSwitch = value.kind === ts.SyntaxKind.TrueKeyword || ts.isPrefixUnaryExpression(value);
  return isSwitch
    ? [source.finding(
      node,
      node.getText(),
      "let every test run; where what it needs is missing it fails and says how to get it",
    )]
    : [];
}

function looseType(source: Source, node: ts.Node): Finding[] {
  if (node.kind === ts.SyntaxKind.AnyKeyword) {
    return [
      source.finding(node, "the type `any`", "name the type, or take `unknown` and check it"),
    ];
  }
  const isCast = ts.isAsExpression(node) || ts.isTypeAssertionExpression(node);
  if (isCast && node.type.kind === ts.SyntaxKind.NeverKeyword) {
    return [source.finding(node.type, "`as never`", "give the value the type that is wanted")];
  }
  return [];
}

function isAccess(node: ts.Node, owner: string, name: string): boolean {
  return ts.isPropertyAccessExpression(node) && node.name.text === name &&
    ts.isIdentifier(node.expression) && node.expression.text === owner;
}
