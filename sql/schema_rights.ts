/**
 * The right to make tables: the reason why a role cannot apply migrations, in words.
 *
 * Tested in tests/server/roles_test.ts.
 */
import type { Sql } from "./connection/driver.ts";

interface Rights {
  readonly role: string;
  readonly search_path: string;
  /** True when a schema of the search path exists, whoever may use it. */
  readonly is_there: boolean;
  /** The first schema of the search path that the role may use; null: there is none. */
  readonly schema: string | null;
  readonly may_create: boolean | null;
  /** The schema that holds Weir's record when the role does not see the record. */
  readonly elsewhere: string | null;
}

/** The lack, in words, when no schema of the search path exists; null: one does. */
export async function missingSchema(sql: Sql): Promise<string | null> {
  const { search_path, is_there } = await readRights(sql);
  return is_there
    ? null
    : `no schema of search_path ${search_path} exists: make it with CREATE SCHEMA`;
}

/** The reason why the role of the session can make no tables for Weir; null: it can. */
export async function missingRight(sql: Sql): Promise<string | null> {
  const { role, search_path, schema, may_create, elsewhere } = await readRights(sql);
  const where = `role ${role} with search_path ${search_path}`;
  if (elsewhere !== null) {
    return `Weir's tables stand in schema ${elsewhere}, which ${where} does not see ` +
      `(GRANT USAGE ON SCHEMA ${elsewhere} TO ${role}, or set WEIR_SCHEMA=${elsewhere})`;
  }
  if (schema === null) return `${where} may use no schema of it`;
  return may_create === true ? null : `${role} may not create in schema ${schema}`;
}

/**
 * The tables must not be made in pg_temp, which ends the search path. PostgreSQL takes it for the
 * schema to make tables in when the role may use no other, and `current_schema()` makes it at once.
 */
async function readRights(sql: Sql): Promise<Rights> {
  const [rights] = await sql<Rights[]>`
    WITH path AS (
      SELECT n.oid, nspname, place
      FROM unnest(string_to_array(current_setting('search_path'), ','))
             WITH ORDINALITY AS path (part, place)
      JOIN pg_namespace n ON btrim(part, ' ') = quote_ident(nspname) OR btrim(part, ' "') = nspname
      WHERE nspname <> 'pg_temp')
    SELECT current_user AS role, current_setting('search_path') AS search_path,
           EXISTS (SELECT FROM path) AS is_there, s.nspname AS schema, has_schema_privilege(s.oid, 'CREATE') AS may_create,
           (SELECT nspname FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace
            WHERE relname = 'weir_migrations' AND relkind IN ('r', 'p')
              AND to_regclass('weir_migrations') IS NULL
            ORDER BY nspname LIMIT 1) AS elsewhere
    FROM (SELECT) AS once LEFT JOIN LATERAL (
      SELECT oid, nspname FROM path WHERE has_schema_privilege(oid, 'USAGE')
      ORDER BY place LIMIT 1) AS s ON true`;
  if (rights === undefined) throw new Error("a SELECT without FROM returned no row");
  return rights;
}
