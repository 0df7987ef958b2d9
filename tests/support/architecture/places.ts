/**
 * Two things have one place each: reading the environment (`server/config.ts`) and SQL (`sql/`).
 *
 * The rule looks for SQL in string and template literals, so comments may speak of it. A literal
 * counts as SQL when it begins like a statement or has the tag `sql`. The rule does not find a
 * statement that is joined from smaller pieces.
 */

import ts from "typescript";
import type { Rule, Source } from "./source.ts";

const CONFIG = "server/config.ts";
const ENV_OWNERS = new Set(["Deno", "process", "globalThis.Deno", "globalThis.process"]);
const ENV_MODULES = new Set(["process", "node:process"]);

/** Examples are programs of their own, with their own settings. */
const mayRead = (source: Source) =>
  source.path === CONFIG || source.isTest || source.folder === "examples";

export const environment: Rule = {
  name: `only ${CONFIG} and examples/ read the environment`,
  check: (tree) =>
    tree.filter((source) => !mayRead(source)).flatMap((source) =>
      source.nodes.filter(readsEnvironment).map((node) =>
        source.finding(
          node,
          `reads the environment: ${firstLine(node.getText(source.ast))}`,
          `read it in ${CONFIG} and pass the setting in`,
        )
      )
    ),
  broken: [
    { at: ["server/a.ts:2"], files: { "server/a.ts": '// why\nconst p = Deno.env.get("PORT");' } },
    { at: ["sql/a.ts:1"], files: { "sql/a.ts": "if (process.env.DATABASE_URL) run();" } },
    { at: ["server/a.ts:1"], files: { "server/a.ts": 'globalThis.Deno["env"].toObject();' } },
    { at: ["server/a.ts:1"], files: { "server/a.ts": "const { env } = Deno;" } },
    { at: ["actors/a.ts:1"], files: { "actors/a.ts": 'import { env } from "node:process";' } },
  ],
  kept: [
    { "server/config.ts": 'export const port = Deno.env.get("PORT");' },
    { "tests/support/a.ts": 'Deno.env.get("DATABASE_URL");' },
    { "examples/a.ts": 'Deno.env.get("WEIR_URL");' },
    {
      "server/a.ts": '// Deno.env is read in config\nrun("process.env", options.env, { env: {} });',
    },
    { "server/b.ts": 'import { pid } from "node:process"; new Deno.Command("x", { env });' },
  ],
};

const NAME = String.raw`(?!(?:the|a|an|your|this|that|its|each|all|any|one|my|our)\s)[\w."?]+`;
const STATEMENT = new RegExp(
  String.raw`^(?:\s|\(|--.*\n)*(?:` + [
    String.raw`select\b[\s\S]*\sfrom\s+[("]?\s*${NAME}`,
    String.raw`select\s+(?:pg_|set_config|nextval|clock_timestamp)\w*`,
    String
      .raw`with\s+(?:recursive\s+)?\w+\s*(?:\([^)]*\)\s*)?as\s+(?:not\s+)?(?:materialized\s*)?\(`,
    String.raw`insert\s+into\s+${NAME}`,
    String.raw`update\s+(?:only\s+)?${NAME}\s+(?:as\s+\w+\s+|\w+\s+)?set\s+[\w"]+\s*=`,
    String.raw`delete\s+from\s+${NAME}`,
    String
      .raw`(?:create|alter|drop)\s+(?:or\s+replace\s+|unique\s+|temp\s+|temporary\s+|unlogged\s+)*` +
    String
      .raw`(?:table|index|view|materialized\s+view|function|procedure|trigger|type|schema|sequence|role|extension)\s+${NAME}`,
    String.raw`truncate\s+(?:table\s+)?${NAME}\s*(?:,|;|cascade|restart|$)`,
    String.raw`lock\s+table\s+${NAME}`,
    String.raw`copy\s+${NAME}\s*(?:\([^)]*\)\s*)?(?:from|to)\s`,
  ].join("|") + ")",
  "i",
);
const TAG = /(^|\.)(sql|tx)(<.*>)?$/i;

export const sqlPlace: Rule = {
  name: "SQL stands in sql/ alone",
  check: (tree) =>
    tree.filter((source) => source.folder !== "sql" && !source.isTest).flatMap((source) => {
      const mayProbe = source.path.startsWith("server/embedded/");
      return source.literals.filter((literal) =>
        STATEMENT.test(literal.text) ||
        (!mayProbe && literal.tag !== undefined && TAG.test(literal.tag))
      ).map((literal) =>
        source.finding(
          literal.node,
          `holds SQL: ${firstLine(literal.text)}`,
          "make it a function of a file in sql/ and call that",
        )
      );
    }),
  broken: [
    {
      at: ["actors/a.ts:1"],
      files: { "actors/a.ts": "run(`\n  select order_id\n  from orders where store_id = ${id}`);" },
    },
    { at: ["server/a.ts:1"], files: { "server/a.ts": 'run("INSERT INTO orders values (1)");' } },
    { at: ["server/a.ts:1"], files: { "server/a.ts": 'run("update orders o set total = 1");' } },
    { at: ["server/a.ts:1"], files: { "server/a.ts": "run(`delete from ${table}`);" } },
    {
      at: ["server/a.ts:1"],
      files: { "server/a.ts": 'run("create unique index by_key on orders (key)");' },
    },
    { at: ["server/a.ts:1"], files: { "server/a.ts": 'run("with new as (select 1) table new");' } },
    { at: ["server/a.ts:1"], files: { "server/a.ts": "await this.sql<Row[]>`select 1`;" } },
    { at: ["server/a.ts:1"], files: { "server/a.ts": "await sql`notify weir`;" } },
    {
      at: ["server/embedded/a.ts:1"],
      files: { "server/embedded/a.ts": "sql`select id from orders`" },
    },
  ],
  kept: [
    { "sql/a.ts": "sql`select a from b`" },
    { "tests/a_test.ts": "sql`insert into orders values (1)`" },
    { "server/embedded/a.ts": "sql`select 1`; sql`show data_directory`" },
    {
      "server/a.ts": "// select a from b\nlog('no store: select one from the list, or insert it');",
    },
    { "server/b.ts": "say('Select a store from the list'); say('Delete from the buffer');" },
    { "server/c.ts": "say('update the page'); say('Create a key');" },
    { "client/d.ts": "css`select { border: 0 }`; say(`with ${n} orders as (about) a day`);" },
  ],
};

function readsEnvironment(node: ts.Node): boolean {
  if (ts.isPropertyAccessExpression(node)) {
    return node.name.text === "env" && ENV_OWNERS.has(node.expression.getText());
  }
  if (ts.isElementAccessExpression(node)) {
    const { argumentExpression: key } = node;
    return ts.isStringLiteralLike(key) && key.text === "env" &&
      ENV_OWNERS.has(node.expression.getText());
  }
  if (ts.isVariableDeclaration(node) && ts.isObjectBindingPattern(node.name)) {
    return node.initializer !== undefined && ENV_OWNERS.has(node.initializer.getText()) &&
      node.name.elements.some((element) =>
        (element.propertyName ?? element.name).getText() === "env"
      );
  }
  if (ts.isImportDeclaration(node) && ts.isStringLiteral(node.moduleSpecifier)) {
    const names = node.importClause?.namedBindings;
    return ENV_MODULES.has(node.moduleSpecifier.text) && names !== undefined &&
      ts.isNamedImports(names) &&
      names.elements.some((element) => (element.propertyName ?? element.name).text === "env");
  }
  return false;
}

function firstLine(text: string): string {
  const line = text.trim().split("\n")[0] ?? "";
  return line.length > 60 ? `${line.slice(0, 60)}…` : line;
}
