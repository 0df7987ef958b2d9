/**
 * The schema of a database as SQL, read from PostgreSQL's catalog: tables, keys, checks, indexes,
 * storage parameters and views, always in the same order.
 *
 * The text is complete or there is none: `schemaText` throws for an object of a kind that it does
 * not write, and for a table that tables.ts does not describe.
 */
import type { Sql, Tx } from "../../../sql/connection/driver.ts";
import { TABLES } from "./tables.ts";

export const SCHEMA_FILE = new URL("../../../sql/schema.sql", import.meta.url);

const HEADER = `
The schema of today, for readers. The migrations make it; nothing runs this file.

It is generated from a migrated database by
  deno run -A tests/support/schema/write.ts
and tests/sql/schema_test.ts compares it. The migrations also insert one row, the first epoch.`;

interface Relation {
  readonly oid: number;
  readonly name: string;
  readonly kind: "table" | "view";
  /** Storage parameters, such as `fillfactor=70`. */
  readonly options: readonly string[];
  /** The query of a view. */
  readonly query: string | null;
}

interface Column {
  readonly name: string;
  readonly type: string;
  readonly collation: string | null;
  readonly required: boolean;
  readonly initial: string | null;
}

/** The whole text. @throws Error when something of the schema would be missing in it */
export async function schemaText(sql: Sql | Tx): Promise<string> {
  await refuseOtherKinds(sql);
  const relations = new Map((await readRelations(sql)).map((each) => [each.name, each]));
  const unknown = [...relations.keys()].filter((name) => !(name in TABLES));
  const missing = Object.keys(TABLES).filter((name) => !relations.has(name));
  if (unknown.length + missing.length > 0) {
    throw new Error(`tables.ts lacks [${unknown}] and describes [${missing}], which are not there`);
  }
  const parts: string[] = [comment(HEADER)];
  for (const [name, about] of Object.entries(TABLES)) {
    const relation = relations.get(name)!;
    const text = relation.kind === "view" ? viewText(relation) : await tableText(sql, relation);
    parts.push(`${comment(about)}\n${text}`);
  }
  return `${parts.join("\n\n")}\n`;
}

function comment(text: string): string {
  return text.trim().split("\n").map((line) => `-- ${line}`.trimEnd()).join("\n");
}

async function readRelations(sql: Sql | Tx): Promise<Relation[]> {
  return await sql<Relation[]>`
    SELECT oid::int, relname AS name, CASE relkind WHEN 'v' THEN 'view' ELSE 'table' END AS kind,
           coalesce(reloptions, '{}') AS options,
           CASE relkind WHEN 'v' THEN pg_get_viewdef(oid, true) END AS query
    FROM pg_class
    WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'v')`;
}

function viewText({ name, query }: Relation): string {
  return `CREATE VIEW ${name} AS\n${query}`;
}

async function tableText(sql: Sql | Tx, { oid, name, options }: Relation): Promise<string> {
  const lines = columnLines(await readColumns(sql, oid));
  const constraints = await sql<{ name: string; definition: string }[]>`
    SELECT quote_ident(conname) AS name, pg_get_constraintdef(oid) AS definition
    FROM pg_constraint WHERE conrelid = ${oid} AND contype <> 'n'
    ORDER BY contype <> 'p', conname`;
  lines.push(...constraints.map((each) => `CONSTRAINT ${each.name} ${each.definition}`));
  const storage = options.length === 0 ? "" : ` WITH (${options.join(", ")})`;
  const indexes = await sql<{ definition: string }[]>`
    SELECT pg_get_indexdef(indexrelid) AS definition FROM pg_index
    WHERE indrelid = ${oid}
      AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid)
    ORDER BY indexrelid::regclass::text`;
  return [
    `CREATE TABLE ${name} (\n  ${lines.join(",\n  ")}\n)${storage};`,
    ...indexes.map(({ definition }) => `${indexText(definition)};`),
  ].join("\n");
}

async function readColumns(sql: Sql | Tx, oid: number): Promise<Column[]> {
  return await sql<Column[]>`
    SELECT quote_ident(attname) AS name, format_type(atttypid, atttypmod) AS type,
           (SELECT quote_ident(collname) FROM pg_collation
            WHERE oid = attcollation AND attcollation <> typcollation) AS collation,
           attnotnull AS required,
           (SELECT pg_get_expr(adbin, adrelid) FROM pg_attrdef
            WHERE adrelid = attrelid AND adnum = attnum) AS initial
    FROM pg_attribute JOIN pg_type t ON t.oid = atttypid
    WHERE attrelid = ${oid} AND attnum > 0 AND NOT attisdropped ORDER BY attnum`;
}

/** One line for each column, its name and type padded so that all lines are a table. */
function columnLines(columns: readonly Column[]): string[] {
  const types = columns.map(({ type, collation }) =>
    type.replace("timestamp with time zone", "timestamptz") +
    (collation === null ? "" : ` COLLATE ${collation}`)
  );
  const nameWidth = Math.max(...columns.map(({ name }) => name.length));
  const typeWidth = Math.max(...types.map((type) => type.length));
  return columns.map(({ name, required, initial }, index) => {
    const rest = [required ? "NOT NULL" : "", initial === null ? "" : `DEFAULT ${initial}`];
    return [name.padEnd(nameWidth), types[index]!.padEnd(typeWidth), ...rest]
      .join(" ").trimEnd();
  });
}

/** An index on two or three lines, without the parts that all indexes have. */
function indexText(definition: string): string {
  const [, before = "", after = ""] = /^(.*?) ON public\.(.*)$/.exec(definition) ?? [];
  return `${before}\n  ON ${after.replace(" USING btree", "").replace(" WHERE ", "\n  WHERE ")}`;
}

/** @throws Error when the schema has an object of a kind that the text cannot show */
async function refuseOtherKinds(sql: Sql | Tx): Promise<void> {
  const others = await sql<{ name: string }[]>`
    SELECT 'relation ' || relname AS name FROM pg_class
    WHERE relnamespace = 'public'::regnamespace
      AND (relkind NOT IN ('r', 'v', 'i') OR relpersistence <> 'p' OR relrowsecurity)
    UNION ALL SELECT 'inherited ' || inhrelid::regclass FROM pg_inherits
    UNION ALL SELECT 'function ' || proname FROM pg_proc
    WHERE pronamespace = 'public'::regnamespace
    UNION ALL SELECT 'type ' || typname FROM pg_type
    WHERE typnamespace = 'public'::regnamespace AND typtype <> 'c' AND typcategory <> 'A'
    UNION ALL SELECT 'trigger ' || tgname FROM pg_trigger WHERE NOT tgisinternal
    UNION ALL SELECT 'rule ' || rulename FROM pg_rewrite
    JOIN pg_class c ON c.oid = ev_class
    WHERE relnamespace = 'public'::regnamespace AND rulename <> '_RETURN'
    UNION ALL SELECT 'comment on ' || pg_describe_object(classoid, objoid, objsubid)
    FROM pg_description WHERE objoid IN (
      SELECT oid FROM pg_class WHERE relnamespace = 'public'::regnamespace)
    UNION ALL SELECT 'generated column ' || attname FROM pg_attribute JOIN pg_class c
      ON c.oid = attrelid AND relnamespace = 'public'::regnamespace
    WHERE attidentity <> '' OR attgenerated <> ''
    UNION ALL SELECT 'index that is not valid ' || indexrelid::regclass FROM pg_index
    WHERE NOT indisvalid
    UNION ALL SELECT 'schema ' || nspname FROM pg_namespace
    WHERE nspname <> 'public' AND nspname !~ '^pg_' AND nspname <> 'information_schema'`;
  if (others.length > 0) {
    throw new Error(`schema_text.ts cannot write: ${others.map(({ name }) => name).join(", ")}`);
  }
}
