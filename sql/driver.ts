/**
 * The driver, postgres.js, set up as every connection of Weir needs it.
 *
 * The driver would ask each new connection for the server's array types, and when that connection
 * is lost meanwhile nobody catches it: the process ends. The array types in use here are therefore
 * named by their OIDs, which are fixed in PostgreSQL's catalog (pg_type.dat).
 */
import postgres from "postgres";

export type Sql = postgres.Sql<Record<string, never>>;
export type Tx = postgres.TransactionSql<Record<string, never>>;

type ArrayElement = string | null;

const ARRAY_OIDS = {
  text: 1009,
  bigint: 1016,
  date: 1182,
  timestamptz: 1185,
  numeric: 1231,
  uuid: 2951,
} as const;

/** An array's literal, every element quoted. */
export function arrayLiteral(elements: readonly ArrayElement[]): string {
  const quoted = elements.map((element) =>
    element === null ? "NULL" : `"${element.replace(/["\\]/g, "\\$&")}"`
  );
  return `{${quoted.join(",")}}`;
}

/** The elements of an array's literal; arrays of arrays are not in use here. */
export function parseArrayLiteral(literal: string): ArrayElement[] {
  const elements = literal.slice(1, -1).matchAll(/"((?:[^"\\]|\\.)*)"|([^",]+)/g);
  return Array.from(elements, ([, quoted, plain]) => {
    if (quoted !== undefined) return quoted.replace(/\\(.)/g, "$1");
    return plain === undefined || plain === "NULL" ? null : plain;
  });
}

const arrayType = (oid: number) => ({
  to: oid,
  from: [oid],
  serialize: arrayLiteral,
  parse: parseArrayLiteral,
});

const ARRAY_TYPES = {
  textArray: arrayType(ARRAY_OIDS.text),
  bigintArray: arrayType(ARRAY_OIDS.bigint),
  dateArray: arrayType(ARRAY_OIDS.date),
  timestamptzArray: arrayType(ARRAY_OIDS.timestamptz),
  numericArray: arrayType(ARRAY_OIDS.numeric),
  uuidArray: arrayType(ARRAY_OIDS.uuid),
};

/** Connections to `url`; none is made before the first query. */
export function connect(url: string, options: postgres.Options<Record<string, never>>): Sql {
  const all = { onnotice: () => undefined, ...options, fetch_types: false, types: ARRAY_TYPES };
  // The types above are for the wire alone; no value in a query is tagged with them.
  return postgres(url, all) as unknown as Sql;
}
