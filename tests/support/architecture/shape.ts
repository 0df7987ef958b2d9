/**
 * The shape of files and folders: a file's length, its functions, its name and its header; how many
 * files a folder holds, and the names at the top of the project.
 */

import ts from "typescript";
import { type Rule, Source } from "./source.ts";

const MAX_FILE_LINES = 300;
const MAX_FUNCTION_LINES = 70;
const MAX_FILES = 15;
/** Migrations only ever grow in number. */
const MAY_HOLD_MORE = ["sql/migrations"];
const MIN_HEADER_LETTERS = 20;
const COUNTED = /\.(ts|tsx|js|mjs|sql|css|html)$/;
const FOLDERS = ["sql", "actors", "server", "client"];
const HAVE_HEADERS = [...FOLDERS, "examples"];
const CONFIGURATION = ["deno.json", "deno.lock", "compose.yaml"];
const FOR_READERS = ["README.md", "CHANGELOG.md", "LICENSE", "docs", "examples"];
const TOP_LEVEL = [...FOLDERS, "tests", ...CONFIGURATION, ...FOR_READERS];
const SNAKE_CASE = /^[a-z0-9]+(_[a-z0-9]+)*(\.[a-z0-9]+)*$/;

const lines = (count: number, first = "") => first + "x;\n".repeat(count);

export const fileLength: Rule = {
  name: `no file is longer than ${MAX_FILE_LINES} lines`,
  check: (tree) =>
    tree.filter((source) => COUNTED.test(source.path)).flatMap((source) => {
      const count = source.text.replace(/\n$/, "").split("\n").length;
      if (count <= MAX_FILE_LINES) return [];
      const advice = `split it by its nouns; ${MAX_FILE_LINES} lines is the ceiling`;
      return [source.finding(MAX_FILE_LINES + 1, `${count} lines`, advice)];
    }),
  broken: [
    { at: ["server/a.ts:301"], files: { "server/a.ts": lines(301) } },
    { at: ["sql/migrations/0001_a.sql:301"], files: { "sql/migrations/0001_a.sql": lines(400) } },
    { at: ["client/dashboard/a.css:301"], files: { "client/dashboard/a.css": lines(301) } },
  ],
  kept: [{ "server/a.ts": lines(300), "deno.lock": lines(900), "README.md": lines(900) }],
};

export const functionLength: Rule = {
  name: `no function is longer than ${MAX_FUNCTION_LINES} lines`,
  check: (tree) =>
    tree.flatMap((source) =>
      source.nodes.flatMap((node) => {
        if (!ts.isFunctionLike(node) || !("body" in node) || node.body === undefined) return [];
        const first = source.lineOf(node);
        const count = source.lineAt(node.end) - first + 1;
        if (count <= MAX_FUNCTION_LINES) return [];
        const advice = `name its parts and make them functions; ${MAX_FUNCTION_LINES} is the most`;
        return [source.finding(first, `${nameOf(node)} has ${count} lines`, advice)];
      })
    ),
  broken: [
    { at: ["sql/a.ts:2"], files: { "sql/a.ts": "\n" + lines(69, "function a() {\n") + "}" } },
    {
      at: ["sql/a.ts:1"],
      files: { "sql/a.ts": lines(70, "export const a = async () => {\n") + "}" },
    },
    { at: ["sql/a.ts:2"], files: { "sql/a.ts": lines(70, "class A {\n  run() {\n") + "} }" } },
    {
      at: ["sql/a.ts:2"],
      files: { "sql/a.ts": lines(70, "class A {\n  constructor() {\n") + "} }" },
    },
    { at: ["sql/a.ts:2"], files: { "sql/a.ts": lines(70, "const a = {\n  get b() {\n") + "} }" } },
    {
      at: ["tests/a_test.ts:1"],
      files: { "tests/a_test.ts": lines(70, 'Deno.test("it holds", () => {\n') + "});" },
    },
  ],
  kept: [
    { "sql/a.ts": lines(68, "function a() {\n") + "}" },
    { "sql/b.ts": "/**\n" + " * why\n".repeat(80) + " */\nfunction a() {}" },
    { "sql/c.ts": "const table = [\n" + "  1,\n".repeat(100) + "];" },
  ],
};

export const folderSize: Rule = {
  name: `no folder holds more than ${MAX_FILES} files (${MAY_HOLD_MORE.join(", ")} aside)`,
  check: (tree) => {
    const folders = Map.groupBy(tree, ({ path }) => path.split("/").slice(0, -1).join("/"));
    return [...folders].filter(([folder, files]) =>
      files.length > MAX_FILES && !MAY_HOLD_MORE.includes(folder)
    ).map(([folder, files]) =>
      new Source(folder, "").finding(
        1,
        `${files.length} files`,
        "make rooms in it by its nouns; folders inside it do not count",
      )
    );
  },
  broken: [
    { at: ["server/live:1"], files: filesIn("server/live", 16) },
    { at: ["tests/support:1"], files: filesIn("tests/support", 16) },
    { at: ["server:1"], files: { ...filesIn("server", 16), ...filesIn("server/live", 15) } },
  ],
  kept: [
    filesIn("server/live", 15),
    { ...filesIn("server/live", 8), ...filesIn("server/live/feeds", 8) },
    filesIn("sql/migrations", 40),
  ],
};

export const fileNames: Rule = {
  name: "files and folders have snake_case names",
  check: (tree) =>
    tree.filter((source) => source.folder !== "" && !source.folder.startsWith(".")).flatMap(
      (source) => {
        const parts = source.path.split("/").filter((part) => part !== "README.md");
        const wrong = parts.find((part) => !SNAKE_CASE.test(part));
        if (wrong === undefined) return [];
        return [source.finding(1, `the name ${wrong}`, "small letters, digits and _ only")];
      },
    ),
  broken: [
    { at: ["server/orderWriter.ts:1"], files: { "server/orderWriter.ts": "" } },
    { at: ["client/live-feed/a.ts:1"], files: { "client/live-feed/a.ts": "" } },
    { at: ["sql/migrations/0001-a.sql:1"], files: { "sql/migrations/0001-a.sql": "" } },
    { at: ["docs/Glossary.md:1"], files: { "docs/Glossary.md": "" } },
  ],
  kept: [{
    "README.md": "",
    "examples/README.md": "",
    ".ci/run": "",
    "sql/migrations/0001_orders.sql": "",
    "tests/server/order_writer_test.ts": "",
    "client/dashboard/index.html": "",
  }],
};

export const headers: Rule = {
  name: "every file of the program and every example begins with what it is for",
  check: (tree) =>
    tree.filter((source) => source.isTypeScript && HAVE_HEADERS.includes(source.folder)).flatMap(
      (source) =>
        headerLetters(source.text) >= MIN_HEADER_LETTERS ? [] : [source.finding(
          1,
          "no header comment",
          "begin with a paragraph: purpose, what the file guarantees, its limits",
        )],
    ),
  broken: [
    { at: ["sql/a.ts:1"], files: { "sql/a.ts": "export const a = 1;" } },
    { at: ["sql/a.ts:1"], files: { "sql/a.ts": "/** a */\nexport const a = 1;" } },
    { at: ["examples/a.ts:1"], files: { "examples/a.ts": "export const a = 1;" } },
    {
      at: ["client/a.tsx:1"],
      files: { "client/a.tsx": "/** @jsxImportSource preact */\nimport { h } from 'preact';" },
    },
    {
      at: ["server/a.ts:1"],
      files: {
        "server/a.ts": "import './b.ts';\n/** Serves the page, and nothing but the page. */",
      },
    },
  ],
  kept: [
    { "sql/a.ts": "/**\n * The journal: what a batch adds, written with it.\n */\nexport {};" },
    { "server/a.ts": "// Serves the page: its HTML, its script,\n// and its style.\nexport {};" },
    { "server/b.ts": "#!/usr/bin/env deno\n/** Serves the page, and nothing but the page. */" },
    {
      "client/a.tsx": "/** @jsxImportSource preact */\n/** The chart of the last hour's orders. */",
    },
    { "tests/a_test.ts": "export {};" },
  ],
};

export const topLevel: Rule = {
  name: `the top level is exactly ${TOP_LEVEL.join(" ")}`,
  check: (tree) => {
    const there = new Set(tree.map((source) => source.path.split("/")[0] ?? ""));
    const extra = [...there].filter((name) => !name.startsWith(".") && !TOP_LEVEL.includes(name));
    const missing = TOP_LEVEL.filter((name) => !there.has(name));
    return [
      ...extra.map((name) =>
        new Source(name, "").finding(1, "stands at the top level", "move it into a folder")
      ),
      ...missing.map((name) =>
        new Source(name, "").finding(1, "is missing", "put it there, or change TOP_LEVEL")
      ),
    ];
  },
  broken: [
    { at: ["notes.md:1"], files: { ...topLevelFiles(), "notes.md": "" } },
    { at: ["scripts:1"], files: { ...topLevelFiles(), "scripts/a.ts": "" } },
    { at: ["README.md:1"], files: topLevelFiles("README.md") },
    { at: ["LICENSE:1"], files: topLevelFiles("LICENSE") },
    { at: ["docs:1"], files: topLevelFiles("docs") },
    { at: ["examples:1"], files: topLevelFiles("examples") },
  ],
  kept: [
    topLevelFiles(),
    { ...topLevelFiles(), ".ci/run": "", ".gitignore": "", ".github/SECURITY.md": "" },
  ],
};

function filesIn(folder: string, count: number): Record<string, string> {
  return Object.fromEntries(
    Array.from({ length: count }, (_, index) => [`${folder}/${index}.ts`, ""]),
  );
}

function topLevelFiles(without?: string): Record<string, string> {
  const names = TOP_LEVEL.filter((name) => name !== without);
  const isFile = (name: string) => name.includes(".") || name === "LICENSE";
  return Object.fromEntries(names.map((name) => [isFile(name) ? name : `${name}/a.ts`, ""]));
}

/** Letters in the comments before the first line of code, directives such as `@jsx` aside. */
function headerLetters(text: string): number {
  const comments = ts.getLeadingCommentRanges(text, ts.getShebang(text)?.length ?? 0) ?? [];
  const words = comments.map(({ pos, end }) => text.slice(pos, end))
    .filter((comment) => !/^(\/\*\*?|\/\/)\s*(@jsx|@ts-|deno-|<reference)/.test(comment));
  return words.join(" ").replace(/[^\p{L}]/gu, "").length;
}

function nameOf(node: ts.SignatureDeclaration): string {
  if (node.name !== undefined) return `${node.name.getText()}()`;
  if (ts.isConstructorDeclaration(node)) return "the constructor";
  const { parent } = node;
  if (ts.isVariableDeclaration(parent) || ts.isPropertyAssignment(parent)) {
    return `${parent.name.getText()}()`;
  }
  return "a function";
}
