/**
 * The first words of comments and of the names of tests: they name their subject.
 *
 * A sentence that begins with "what", "of which" or the like names its subject late or never, and
 * has to be read twice. The rules look at first words alone; readers must judge the rest.
 */

import ts from "typescript";
import type { Finding, Rule, Source } from "./source.ts";

const FOLDERS = ["server", "client", "actors", "sql", "tests"];
const MIGRATIONS = "sql/migrations/";
const COMMENT_WITHOUT_SUBJECT = /^(what|who|whom|which|of|those|one that|that which)\b/i;
const NAME_WITHOUT_SUBJECT = /^(it|who|what|of|nobody|somebody|one that)\b/i;
const ADVICE = "begin with the subject: the frame, the caller, the drainer";

interface Comment {
  readonly position: number;
  readonly text: string;
}

export const commentBeginnings: Rule = {
  name: "no comment begins with What, Who, Which, Of, Those or One that",
  check: (tree) =>
    tree.filter(({ folder, path }) => FOLDERS.includes(folder) && !path.startsWith(MIGRATIONS))
      .flatMap((source) =>
        commentsOf(source).flatMap((comment): Finding[] => {
          const words = COMMENT_WITHOUT_SUBJECT.exec(comment.text)?.[0];
          if (words === undefined) return [];
          const line = source.lineAt(comment.position);
          return [source.finding(line, `begins with "${words}"`, ADVICE)];
        })
      ),
  broken: [
    { at: ["sql/a.ts:1"], files: { "sql/a.ts": "/** What a fold counts. */\nf();" } },
    { at: ["sql/a.ts:2"], files: { "sql/a.ts": "\n/**\n * Of each store one.\n */\nf();" } },
    { at: ["tests/a_test.ts:1"], files: { "tests/a_test.ts": "f(); // who asks first" } },
    {
      at: ["server/a.ts:2", "server/a.ts:3"],
      files: { "server/a.ts": "f(\n  // One that waits.\n  /* Those of a. */ 1,\n);" },
    },
    { at: ["client/a.tsx:1"], files: { "client/a.tsx": "<p>{/* Which one it is. */}</p>;" } },
    { at: ["sql/a.sql:2"], files: { "sql/a.sql": "SELECT 1;\n-- That which is kept\nSELECT 2;" } },
    { at: ["sql/a.sql:1"], files: { "sql/a.sql": "/* Whom it is for */" } },
  ],
  kept: [
    { "sql/a.ts": "/** The sums of a fold, which\n * what follows needs. */" },
    { "sql/a.ts": "// A caller waits until the order\n// of another one is stored.\nf();" },
    { "sql/a.ts": "const text = '// What'; // Often\nconst url = `http://${'of'}`;" },
    { "sql/migrations/0001_a.sql": "-- What a store sells" },
    { "sql/a.sql": "SELECT '-- What' -- the text\n  -- of a comment;" },
    { "docs/a.md": "What a page says.", "deno.json": "// What" },
  ],
};

export const testNames: Rule = {
  name: "the name of a test begins with its subject",
  check: (tree) =>
    tree.filter(({ isTest }) => isTest).flatMap((source) =>
      source.nodes.flatMap((node) => {
        const name = testName(node);
        const words = NAME_WITHOUT_SUBJECT.exec(name?.text ?? "")?.[0];
        if (name === undefined || words === undefined) return [];
        return [source.finding(name.node, `begins with "${words}"`, ADVICE)];
      })
    ),
  broken: [
    { at: ["tests/a_test.ts:1"], files: { "tests/a_test.ts": 'Deno.test("it holds", run);' } },
    {
      at: ["tests/a_test.ts:2"],
      files: { "tests/a_test.ts": "Deno.test(\n  `Nobody reads ${count} frames`,\n  run,\n);" },
    },
    {
      at: ["tests/a_test.ts:1"],
      files: { "tests/a_test.ts": 'Deno.test({ name: "one that waits is served", fn: run });' },
    },
  ],
  kept: [
    { "tests/a_test.ts": 'Deno.test("place() answers once", run); test("it holds", run);' },
    { "tests/a_test.ts": "Deno.test(`${name} holds`, run); Deno.test('items of an order', run);" },
  ],
};

/** Each comment once; lines of `//` or `--` that follow each other are one comment. */
function commentsOf(source: Source): Comment[] {
  const found = source.path.endsWith(".sql") ? sqlComments(source) : scriptComments(source);
  return found.filter((comment, index) => !continues(source, found[index - 1], comment))
    .map(({ position, text }) => ({
      position,
      text: text.replace(/^(\/\*+|\/\/+|--+)/, "").replace(/^[\s*]+/, ""),
    }));
}

/** True for a line comment when the line above ends with the line comment `before`. */
function continues(source: Source, before: Comment | undefined, comment: Comment): boolean {
  if (before === undefined || [before, comment].some(({ text }) => text.startsWith("/*"))) {
    return false;
  }
  const start = source.text.lastIndexOf("\n", comment.position) + 1;
  const above = source.text.slice(source.text.lastIndexOf("\n", start - 2) + 1, start);
  const beforeIt = source.text.slice(start, comment.position);
  return beforeIt.trim() === "" && above.trim().endsWith(before.text.trim());
}

function sqlComments({ text }: Source): Comment[] {
  const withoutTexts = text.replace(/'[^'\n]*'/g, (quoted) => " ".repeat(quoted.length));
  return matches(withoutTexts, /--.*|\/\*[\s\S]*?\*\//g);
}

function scriptComments(source: Source): Comment[] {
  return source.isTypeScript ? matches(source.withoutLiterals, /\/\/.*|\/\*[\s\S]*?\*\//g) : [];
}

function matches(text: string, pattern: RegExp): Comment[] {
  return [...text.matchAll(pattern)].map(({ index, 0: found }) => ({
    position: index,
    text: found,
  }));
}

/** The name in `Deno.test("name", …)` or `Deno.test({ name: "name", … })`. */
function testName(node: ts.Node): { node: ts.Node; text: string } | undefined {
  if (!ts.isCallExpression(node) || node.expression.getText() !== "Deno.test") return undefined;
  const [first] = node.arguments;
  if (first === undefined) return undefined;
  if (ts.isObjectLiteralExpression(first)) {
    const name = first.properties.find((property) => property.name?.getText() === "name");
    return name !== undefined && ts.isPropertyAssignment(name)
      ? textOf(name.initializer)
      : undefined;
  }
  return textOf(first);
}

function textOf(node: ts.Node): { node: ts.Node; text: string } | undefined {
  if (ts.isStringLiteralLike(node)) return { node, text: node.text };
  return ts.isTemplateExpression(node) ? { node, text: node.head.text } : undefined;
}
