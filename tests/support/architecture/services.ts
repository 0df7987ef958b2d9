/**
 * Test files that need PostgreSQL or Redis show it in their own imports.
 *
 * tests/run.ts keeps a file out of the unit tests when it imports from tests/support/services/. A
 * helper that uses the services must therefore not be the only sign of it.
 */

import { type Import, importsOf, localNames } from "./import_graph.ts";
import type { Rule, Source } from "./source.ts";

export const SERVICES = "tests/support/services/";
/** The tests of these folders always run with services. */
const ALWAYS = ["tests/system/", "tests/page/"];

export const servicesShown: Rule = {
  name: `a test that reaches ${SERVICES} through its helpers imports from it itself`,
  check: (tree) => {
    const aliases = localNames(tree);
    const tests = tree.filter(({ isTest }) => isTest);
    const graph = new Map(tests.map((source) => [source.path, importsOf(source, aliases)]));
    const mayBeUnit = ({ path }: Source) =>
      path.endsWith("_test.ts") && !ALWAYS.some((folder) => path.startsWith(folder));
    return tests.filter(mayBeUnit).flatMap((source) => {
      const imports = graph.get(source.path) ?? [];
      if (imports.some(isService)) return [];
      return imports.filter(({ file }) => file !== undefined && reaches(file, graph)).map((found) =>
        source.finding(
          found.node,
          `${found.specifier} needs the services`,
          `import what it needs from ${SERVICES} here and pass it in`,
        )
      );
    });
  },
  broken: [
    {
      at: ["tests/sql/a_test.ts:2"],
      files: {
        "tests/sql/a_test.ts": 'import "./b.ts";\nimport "../support/load/c.ts";',
        "tests/sql/b.ts": "",
        "tests/support/load/c.ts": 'export * from "./d.ts";',
        "tests/support/load/d.ts": 'import type { Test } from "../services/database.ts";',
      },
    },
  ],
  kept: [
    {
      "tests/system/a_test.ts": 'import "../support/faults/b.ts";',
      "tests/support/faults/b.ts": 'import "../services/services.ts";',
    },
    {
      "tests/sql/a_test.ts":
        'import "../support/services/database.ts"; import "../support/load/c.ts";',
      "tests/support/load/c.ts": 'import "../services/services.ts";',
    },
    {
      "tests/sql/a_test.ts": 'import "../../sql/b.ts";',
      "sql/b.ts": 'import "../tests/support/services/database.ts";',
    },
    {
      "tests/bench/a.ts": 'import "./b.ts";',
      "tests/bench/b.ts": 'import "../support/services/c.ts";',
    },
  ],
};

/** True when `file`, or a file under tests/ that it imports, imports from the services. */
function reaches(file: string, graph: ReadonlyMap<string, readonly Import[]>): boolean {
  const seen = new Set([file]);
  for (const path of seen) {
    const imports = graph.get(path) ?? [];
    if (imports.some(isService)) return true;
    for (const next of imports) if (next.file !== undefined) seen.add(next.file);
  }
  return false;
}

function isService({ file }: Import): boolean {
  return file?.startsWith(SERVICES) ?? false;
}
