/**
 * The driver, postgres.js, set up as every connection of Weir needs it.
 *
 * By default the driver asks each new connection for the server's array types. When the connection
 * is lost during that question, nothing catches the error and the process ends. We therefore turn
 * the question off and name the array types in use by their OIDs. PostgreSQL's catalog
 * (pg_type.dat) fixes these OIDs.
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

/** A backslash that JSON put before something other than a quote or a backslash. */
const OTHER_ESCAPE = /\\[^"\\]/;

/**
 * An array's literal. JSON writes strings as PostgreSQL reads them, except control characters and
 * lone surrogates. We use JSON because it is far quicker than joining the pieces ourselves.
 */
export function arrayLiteral(elements: readonly ArrayElement[]): string {
  const literal = JSON.stringify(elements).slice(1, -1);
  return `{${hasOtherEscape(literal) ? elements.map(quoted).join(",") : literal}}`;
}

/** The check removes pairs of backslashes first, because the second of a pair escapes nothing. */
function hasOtherEscape(literal: string): boolean {
  return OTHER_ESCAPE.test(literal) && OTHER_ESCAPE.test(literal.replaceAll("\\\\", ""));
}

function quoted(element: ArrayElement): string {
  return element === null ? "NULL" : `"${element.replace(/["\\]/g, "\\$&")}"`;
}

/** The elements of an array's literal. Weir uses no arrays of arrays. */
export function parseArrayLiteral(literal: string): ArrayElement[] {
  const elements = literal.slice(1, -1).matchAll(/"((?:[^"\\]|\\.)*)"|([^",]+)/gs);
  return Array.from(elements, ([, quoted, plain]) => {
    if (quoted !== undefined) return quoted.replace(/\\(.)/gs, "$1");
    return plain === undefined || plain.toUpperCase() === "NULL" ? null : plain;
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

/** Connections to `url`. The first query makes the first connection. */
export function connect(url: string, options: postgres.Options<Record<string, never>>): Sql {
  const all = { onnotice: () => undefined, ...options, fetch_types: false, types: ARRAY_TYPES };
  // The types above serve the wire alone, so `Sql` does not name them: no query tags a value.
  return postgres(url, all) as unknown as Sql;
}
