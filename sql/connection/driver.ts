/**
 * The driver, postgres.js, set up as every connection of Weir needs it.
 *
 * By default the driver asks each new connection for the server's array types. If that connection is
 * lost meanwhile, nobody catches the error and the process ends. So the array types of Weir are named
 * here by their OIDs, which are fixed in PostgreSQL's catalog (pg_type.dat).
 */
import postgres from "postgres";
import { isConnectionLost, isOurs } from "./failure.ts";
import { WEIR_CODE } from "./failure/codes.ts";
import { Sockets } from "./socket.ts";
import { type Host, understand } from "./url.ts";

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
 * An array's literal. A string in JSON is also one in an array's literal, except for control
 * characters and lone surrogates. `JSON.stringify` is far quicker than a literal built in pieces.
 */
export function arrayLiteral(elements: readonly ArrayElement[]): string {
  const literal = JSON.stringify(elements).slice(1, -1);
  return `{${hasOtherEscape(literal) ? elements.map(quoted).join(",") : literal}}`;
}

/** Pairs of backslashes are removed first, because the second of a pair escapes nothing. */
function hasOtherEscape(literal: string): boolean {
  return OTHER_ESCAPE.test(literal) && OTHER_ESCAPE.test(literal.replaceAll("\\\\", ""));
}

function quoted(element: ArrayElement): string {
  return element === null ? "NULL" : `"${element.replace(/["\\]/g, "\\$&")}"`;
}

/** The elements of an array's literal. Arrays of arrays are not supported. */
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

/** A time or a day as the session's DateStyle prints it: ISO 8601 with a blank, in UTC. */
const ISO_TIME = /^(\d{4}-\d\d-\d\d)(?: (\d\d:\d\d:\d\d(?:\.\d{1,6})?)(?:\+00)?)?$/;

/** The server printed a value in a form that is not the session's. */
class UnreadableValue extends Error {
  override readonly name = "UnreadableValue";
  readonly code = WEIR_CODE.unreadableValue;
}

/**
 * The time of a text that the server sent. `new Date` would guess: it reads "05/02/2026" as 2 May.
 * @throws UnreadableValue when the text is not ISO 8601 in UTC
 */
export function parseTime(text: string): Date {
  const [, day, time = "00:00:00"] = ISO_TIME.exec(text) ?? [];
  if (day === undefined) throw new UnreadableValue(`the server sent the time ${text}, not in UTC`);
  return new Date(`${day}T${time}Z`);
}

const TIME_OIDS = { date: 1082, timestamp: 1114, timestamptz: 1184 };
const TIME_TYPE = {
  to: TIME_OIDS.timestamptz,
  from: Object.values(TIME_OIDS),
  serialize: (time: Date | string | number) => new Date(time).toISOString(),
  parse: parseTime,
};

const TYPES = { ...ARRAY_TYPES, date: TIME_TYPE };

const CONNECT_TIMEOUT_SECONDS = 30;
/** A connection is made anew after this time, so that no server process grows old. */
const lifetimeSeconds = () => 60 * (30 + Math.random() * 30);

/** The driver would take each of these from a PG* variable of the environment if it were left out. */
const NO_GAPS = {
  max: 10,
  idle_timeout: undefined,
  max_lifetime: lifetimeSeconds as unknown as number, // the driver calls it for each connection
  connect_timeout: CONNECT_TIMEOUT_SECONDS,
  keep_alive: 60,
  debug: false,
  publications: "alltables",
  ssl: false, // a socket comes with its TLS
  sslnegotiation: null,
  max_pipeline: 100,
  backoff: (retries: number) => (0.5 + Math.random() / 2) * Math.min(3 ** retries / 100, 20),
};

/**
 * Connections to `url`; none is made before the first query, and none after `end` was called.
 * @param reachTimeoutMs the time to reach the host
 * @param choose says which of several hosts to take; default: the first
 * @throws WrongConnectionString
 */
export function connect(
  url: string,
  options: postgres.Options<Record<string, never>>,
  reachTimeoutMs = (options.connect_timeout ?? CONNECT_TIMEOUT_SECONDS) * 1_000,
  choose?: (timeoutMs: number) => Promise<Host>,
): Sql {
  const { target } = understand(url);
  const sockets = new Sockets(target, reachTimeoutMs, choose);
  const { name, port } = target.hosts[0]!;
  const all = {
    ...NO_GAPS,
    onnotice: () => undefined,
    ...options,
    connection: { ...target.startup, application_name: "weir", ...options.connection },
    host: [name],
    port: [port],
    user: target.user,
    pass: target.password,
    database: target.database,
    prepare: target.prepare,
    socket: () => sockets.open(),
    fetch_types: false,
    types: TYPES,
  };
  // The types above are for the wire alone. No query marks a value with one of them.
  return endForGood(postgres(all as unknown as typeof options) as unknown as Sql, sockets);
}

/** Runs `use` in one transaction. @param mode as in BEGIN @throws what `use` or the driver throws */
export function transaction<T>(sql: Sql, mode: string, use: (tx: Tx) => Promise<T>): Promise<T> {
  return sql.begin(mode, (tx) => use(tx).catch(keepOffLost)) as Promise<T>;
}

/**
 * Passes an error on to the driver, unless the connection is lost. The driver answers an error with
 * a ROLLBACK, and a write to a closed connection throws where nobody can catch it
 * (porsager/postgres issue 1208). On a lost connection the transaction ends when the driver sees
 * that the connection is closed.
 */
function keepOffLost(error: unknown): Promise<never> {
  const isLost = isConnectionLost(error) && !isOurs(error);
  return isLost ? new Promise(() => undefined) : Promise.reject(error);
}

/**
 * Makes `end` final. In postgres.js 3.4 `end` does not stop the timer of a connection that waits
 * for its next attempt, and a connection under way would open after the end and stay idle.
 */
function endForGood(sql: Sql, sockets: Sockets): Sql {
  const { end } = sql;
  sql.end = (options) => {
    sockets.close();
    return end(options).finally(() => sockets.end());
  };
  return sql;
}
