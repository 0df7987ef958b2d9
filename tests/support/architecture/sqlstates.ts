/**
 * The codes of PostgreSQL's errors stand in one file, each with its meaning.
 *
 * The rule finds literals of five characters that look like a SQLSTATE, the two characters of a
 * class that are compared with `startsWith`, and regular expressions that begin with a class.
 */

import ts from "typescript";
import type { Rule } from "./source.ts";

const HOME = "sql/connection/failure/codes.ts";
const FOLDERS = ["server", "actors", "sql", "client"];
/** A class that PostgreSQL has, and three characters. */
const STATE = new RegExp(
  "^(0[0-389ABFLPZ]|2[0-8BDF]|3[489BDF]|4[024]|5[34578]|72|F0|HV|P0|XX)[0-9A-Z]{3}$",
);
const CLASS = /^(?=.*\d)[0-9A-Z]{2}$/;
/** Such as /^2[23]/ and /^(08|57P)/. */
const CLASS_PATTERN = /^\/\^\(?(?:\?:)?(?:\d[\dA-Z]|\d\[[\dA-Z]+\]|\[[\dA-Z]+\]\d)/;

export const sqlStates: Rule = {
  name: `SQLSTATEs stand in ${HOME} alone`,
  check: (tree) =>
    tree.filter(({ folder, path }) => FOLDERS.includes(folder) && path !== HOME)
      .flatMap((source) =>
        source.nodes.filter(isState).map((node) =>
          source.finding(
            node,
            `the SQLSTATE ${node.getText(source.ast)}`,
            `give it a name in ${HOME} and ask for that`,
          )
        )
      ),
  broken: [
    { at: ["sql/a.ts:1"], files: { "sql/a.ts": 'if (code === "23505") f();' } },
    { at: ["actors/a.ts:2"], files: { "actors/a.ts": 'const CODES = [\n  "57P01",\n];' } },
    { at: ["server/a.ts:1"], files: { "server/a.ts": "/^2[23]/.test(code);" } },
    { at: ["server/a.ts:1"], files: { "server/a.ts": "/^(08|57P)/.test(code);" } },
    { at: ["sql/a.ts:1"], files: { "sql/a.ts": 'code.startsWith("08");' } },
  ],
  kept: [
    { [HOME]: 'const TAKEN = "23505"; /^2[23]/;', "tests/a_test.ts": 'f("23505");' },
    {
      "server/a.ts":
        'say("ABCDE"); wait(23505); say("1GiB"); say("10000"); /^[0-9a-f]{16}$/; /^\\d+$/;',
    },
    { "server/a.ts": '/^[a-z0-9]/; say("PORT8080"); // 23505 is a double' },
  ],
};

function isState(node: ts.Node): boolean {
  if (ts.isRegularExpressionLiteral(node)) return CLASS_PATTERN.test(node.text);
  if (!ts.isStringLiteralLike(node)) return false;
  const { parent } = node;
  const isStart = ts.isCallExpression(parent) &&
    ts.isPropertyAccessExpression(parent.expression) &&
    parent.expression.name.text === "startsWith";
  return STATE.test(node.text) || (isStart && CLASS.test(node.text));
}
