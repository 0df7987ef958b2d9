/**
 * The schema of a database as readable SQL, read from PostgreSQL's catalog.
 *
 * The text is the same for the same schema: relations stand in the order of `PURPOSES`, columns in
 * their own order, constraints and indexes by name. A database made from the text gives the same
 * text again.
 *
 * Limit: it prints tables, views, constraints and indexes of the current schema. An object of
 * another kind is an error, so that nothing is left out unseen.
 */
import type { Sql } from "../../../sql/connection/driver.ts";
import { PURPOSES } from "./purposes.ts";

/** The generated file, relative to the project. */
export const SCHEMA_PATH = "sql/schema.sql";
/** The command that writes the file. */
export const WRITE_COMMAND = "npx -y deno@2.9.6 run -A tests/support/schema/write.ts";

const MAX_WIDTH = 100;
const HEADER = [
  "The schema of today: the tables and views that all files of sql/migrations/ together make.",
  "This file is generated. Write a migration instead of editing it, then run:",
  `  ${WRITE_COMMAND}`,
  "Weir never runs this file, and it holds no rows. The migrations alone make a usable database.",
  "tests/sql/schema_test.ts compares this file with a migrated database.",
];

interface Relation {
  readonly oid: number;
  readonly name: string;
  readonly isView: boolean;
  readonly settings: string | null;
}

interface Column {
  readonly name: string;
  readonly type: string;
  readonly rest: string;
}

/** The whole text. @throws Error when a relation has no purpose, or an object cannot be printed */
export async function schemaText(sql: Sql): Promise<string> {
  await refuseOtherObjects(sql);
  const relations = await readRelations(sql);
  const missing = relations.filter(({ name }) => PURPOSES[name] === undefined);
  if (missing.length > 0) {
    const names = missing.map(({ name }) => name).join(", ");
    throw new Error(`tests/support/schema/purposes.ts has no purpose for ${names}`);
  }
  const parts = [HEADER.map((line) => `-- ${line}\n`).join("")];
  for (const [name, purpose] of Object.entries(PURPOSES)) {
    const relation = relations.find((one) => one.name === name);
    if (relation === undefined) throw new Error(`purposes.ts names ${name}, which is no relation`);
    const definition = relation.isView
      ? await viewText(sql, relation)
      : await tableText(sql, relation);
    parts.push(comment(purpose) + definition);
  }
  return parts.join("\n");
}

async function readRelations(sql: Sql): Promise<readonly Relation[]> {
  return await sql<Relation[]>`
    SELECT oid::int, relname AS name, relkind = 'v' AS "isView",
           array_to_string(reloptions, ', ') AS settings
    FROM pg_class WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'v')
    ORDER BY relname`;
}

/** Objects of a kind that this file does not print. */
async function refuseOtherObjects(sql: Sql): Promise<void> {
  const others = await sql<{ object: string }[]>`
    WITH ours AS (SELECT * FROM pg_class WHERE relnamespace = current_schema()::regnamespace)
    SELECT 'function ' || proname AS object FROM pg_proc
    WHERE pronamespace = current_schema()::regnamespace
    UNION ALL
    SELECT 'trigger ' || tgname FROM pg_trigger JOIN ours ON tgrelid = ours.oid
    WHERE NOT tgisinternal
    UNION ALL
    SELECT 'type ' || typname FROM pg_type
    WHERE typnamespace = current_schema()::regnamespace AND typtype IN ('d', 'e', 'r')
    UNION ALL
    SELECT format('relation %s of kind %s%s', relname, relkind, relpersistence) FROM ours
    WHERE relkind NOT IN ('r', 'v', 'i') OR relpersistence <> 'p'
    UNION ALL
    SELECT 'generated column ' || relname || '.' || attname
    FROM pg_attribute JOIN ours ON attrelid = ours.oid
    WHERE attidentity <> '' OR attgenerated <> ''
    ORDER BY 1`;
  if (others.length === 0) return;
  const names = others.map(({ object }) => object).join(", ");
  throw new Error(`tests/support/schema/schema.ts cannot print: ${names}`);
}

async function viewText(sql: Sql, { oid, name }: Relation): Promise<string> {
  const [row] = await sql<{ definition: string }[]>`
    SELECT pg_get_viewdef(${oid}::oid, true) AS definition`;
  return `CREATE VIEW ${name} AS\n${row?.definition}\n`;
}

async function tableText(sql: Sql, { oid, name, settings }: Relation): Promise<string> {
  const items = [...columnLines(await readColumns(sql, oid)), ...await readConstraints(sql, oid)];
  const lines = items.map((item) => `  ${item}`).join(",\n");
  const ending = settings === null ? "" : ` WITH (${settings})`;
  const indexes = (await readIndexes(sql, oid)).map((index) => `\n${index}`);
  return [`CREATE TABLE ${name} (\n${lines}\n)${ending};\n`, ...indexes].join("");
}

async function readColumns(sql: Sql, table: number): Promise<readonly Column[]> {
  return await sql<Column[]>`
    SELECT a.attname AS name,
           replace(format_type(a.atttypid, a.atttypmod), 'timestamp with time zone', 'timestamptz')
             || CASE WHEN a.attcollation IN (0, t.typcollation) THEN ''
                     ELSE ' COLLATE ' || a.attcollation::regcollation END AS type,
           concat_ws(' ', 'DEFAULT ' || pg_get_expr(d.adbin, d.adrelid),
                          CASE WHEN a.attnotnull THEN 'NOT NULL' END) AS rest
    FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
    LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    WHERE a.attrelid = ${table}::oid AND a.attnum > 0 AND NOT a.attisdropped
    ORDER BY a.attnum`;
}

/** One line a column, with the types and the rest below each other. */
function columnLines(columns: readonly Column[]): string[] {
  const names = Math.max(...columns.map(({ name }) => name.length));
  const types = Math.max(...columns.map(({ type }) => type.length));
  return columns.map(({ name, type, rest }) =>
    `${name.padEnd(names)} ${type.padEnd(types)} ${rest}`.trimEnd()
  );
}

/** NOT NULL stands beside its column. The primary key comes first. */
async function readConstraints(sql: Sql, table: number): Promise<string[]> {
  const rows = await sql<{ line: string }[]>`
    SELECT 'CONSTRAINT ' || quote_ident(conname) || ' ' || pg_get_constraintdef(oid, true) AS line
    FROM pg_constraint WHERE conrelid = ${table}::oid AND contype <> 'n'
    ORDER BY contype <> 'p', conname`;
  return rows.map(({ line }) => line);
}

/** Indexes that belong to no constraint. An index is a B-tree unless it says otherwise. */
async function readIndexes(sql: Sql, table: number): Promise<string[]> {
  const rows = await sql<{ line: string }[]>`
    SELECT replace(pg_get_indexdef(indexrelid, 0, true), ' USING btree', '') AS line
    FROM pg_index i JOIN pg_class r ON r.oid = i.indexrelid
    WHERE i.indrelid = ${table}::oid
      AND NOT EXISTS (SELECT FROM pg_constraint c WHERE c.conindid = i.indexrelid)
    ORDER BY r.relname`;
  return rows.map(({ line }) => {
    const broken = line.replace(" WHERE ", "\n  WHERE ");
    return `${line.length < MAX_WIDTH ? line : broken.replace(" (", "\n  (")};\n`;
  });
}

/** The text as comment lines of at most `MAX_WIDTH` characters. */
function comment(text: string): string {
  const lines = ["--"];
  for (const word of text.split(/\s+/)) {
    if (`${lines.at(-1)} ${word}`.length > MAX_WIDTH) lines.push("--");
    lines[lines.length - 1] += ` ${word}`;
  }
  return lines.map((line) => `${line}\n`).join("");
}
