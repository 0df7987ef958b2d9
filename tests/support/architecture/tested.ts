/**
 * Source files and the tests that a reader looks for.
 *
 * The test of `sql/orders/batch.ts` is `tests/sql/orders/batch_test.ts`. A file that is tested
 * elsewhere says in its header `Tested in <path>.` The path may be a folder. Files without code of
 * their own, only types or only exports from other files, need no test.
 */

import ts from "typescript";
import type { Finding, Rule, Source } from "./source.ts";

const FOLDERS = ["server", "actors", "sql", "client"];
const TESTED_IN = /\bTested in ([\w./]+\w)/g;

export const tested: Rule = {
  name: "every source file has a test of its name, or its header says where it is tested",
  check: (tree) => {
    const paths = tree.map(({ path }) => path);
    return tree.filter((source) => FOLDERS.includes(source.folder) && hasCode(source))
      .flatMap((source): Finding[] => {
        const test = `tests/${source.path.replace(/\.tsx?$/, "_test.ts")}`;
        const named = [...headerOf(source).matchAll(TESTED_IN)].map(([, path = ""]) => path);
        const missing = named.find((name) =>
          !paths.some((path) => path === name || path.startsWith(`${name}/`))
        );
        if (missing !== undefined) {
          return [source.finding(1, `is tested in ${missing}, which is missing`, "mend the path")];
        }
        if (named.length > 0 || paths.includes(test)) return [];
        const advice = `write ${test}, or say in the header: Tested in <path>.`;
        return [source.finding(1, "has no test", advice)];
      });
  },
  broken: [
    { at: ["sql/orders/a.ts:1"], files: { "sql/orders/a.ts": "f();", "tests/sql/a_test.ts": "" } },
    {
      at: ["client/a.tsx:1"],
      files: { "client/a.tsx": "/** The page. Tested in tests/page/a_test.ts. */\nf();" },
    },
    {
      at: ["server/a.ts:1"],
      files: {
        "server/a.ts": "f();\n/** Tested in tests/b_test.ts. */\ng();",
        "tests/b_test.ts": "",
      },
    },
  ],
  kept: [
    { "sql/orders/a.ts": "f();", "tests/sql/orders/a_test.ts": "" },
    {
      "client/a.tsx": "/**\n * The page. Tested in\n * tests/page/a_test.ts.\n */\nf();",
      "tests/page/a_test.ts": "",
    },
    { "sql/a.ts": "/* Tested in tests/sql/b. */\nf();", "tests/sql/b/c_test.ts": "" },
    { "sql/a.ts": 'import type { B } from "./b.ts";\nexport interface A extends B {}' },
    { "client/mod.ts": 'export * from "./contract/mod.ts";', "sql/a.sql": "SELECT 1;" },
  ],
};

/** True when a statement of the file does more than name types or pass on exports. */
function hasCode(source: Source): boolean {
  return source.isTypeScript &&
    source.ast.statements.some((statement) =>
      !ts.isImportDeclaration(statement) && !ts.isInterfaceDeclaration(statement) &&
      !ts.isTypeAliasDeclaration(statement) && !ts.isExportDeclaration(statement)
    );
}

/** The comments before the first line of code, as one line. */
function headerOf({ text }: Source): string {
  const comments = ts.getLeadingCommentRanges(text, ts.getShebang(text)?.length ?? 0) ?? [];
  return comments.map(({ pos, end }) => text.slice(pos, end)).join(" ").replace(/[\s*]+/g, " ");
}
