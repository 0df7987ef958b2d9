/**
 * What a failed database call means: whose fault it is, and whether it may have been done.
 *
 * Told by SQLSTATE and socket error alone, never by a message's text. Three questions decide what
 * happens next: does it count against the circuit (`infrastructure`), must the batch be taken apart
 * to find the order at fault (`data`), and could the statement have been committed all the same
 * (`outcome: "unknown"`)? After an unknown outcome an order is never refused.
 */

export type FailureKind =
  /** The database, the way to it or its schema: counts against the circuit. */
  | "infrastructure"
  /** An order's content: never counts against the circuit. */
  | "data"
  /** Two transactions in each other's way: the same again will do. */
  | "contention"
  /** A standby answered: the primary has to be looked for, the database is not out. */
  | "read_only";

export interface Failure {
  readonly kind: FailureKind;
  /** `none`: surely nothing was stored. `unknown`: it may have been, now or in a moment. */
  readonly outcome: "none" | "unknown";
  /** The SQLSTATE or socket error, for the log. */
  readonly code: string;
  /** True when the database took too long, which a smaller batch may cure. */
  readonly timedOut: boolean;
}

/** SQLSTATEs, whole or by class (the first two characters); the longest match counts. */
const BY_SQLSTATE: Readonly<Record<string, FailureKind>> = {
  "22": "data", // data exception: a value does not fit its type
  "23": "data", // integrity constraint violation: a CHECK, a NOT NULL
  "40": "contention", // serialization failure, deadlock
  "55P03": "contention", // lock not available
  "25006": "read_only", // a write met a standby, after a failover
};

/** The connection never came about, so nothing can have been sent. */
const NOT_SENT = new Set([
  "ECONNREFUSED", // nobody listens there
  "ENOTFOUND", // no such host
  "EAI_AGAIN", // the name service is away
  "EHOSTUNREACH", // no route to the host
  "ENETUNREACH", // no route to its network
  "CONNECT_TIMEOUT", // the driver gave up connecting
  "53300", // too many connections: refused at the door
  "57P03", // cannot connect now: starting up, shutting down or in recovery
  "28000", // not allowed to connect
  "28P01", // wrong password
  "3D000", // no such database
]);

const TIMED_OUT = new Set([
  "57014", // canceled by statement_timeout: rolled back, and the server said so
  "WEIR_DATABASE_TIMEOUT", // no answer at all: the server hangs
]);

/** No answer at all came, unlike from a server that cancelled the statement. */
const SILENCE = new Set([
  "WEIR_DATABASE_TIMEOUT", // the call was given up
  "CONNECTION_DESTROYED", // cut by the pool, because another call beside it was given up
  "CONNECT_TIMEOUT", // the connection was taken and nothing came over it
]);

/** True when the database said nothing. */
export function isSilence({ code }: Failure): boolean {
  return SILENCE.has(code);
}

/** Never begun, since others were in its way; says nothing of the database. */
const BUSY = "WEIR_POOL_BUSY";

/** Classifies what a database call threw. */
export function classify(error: unknown): Failure {
  const code = propertyOf(error, "code") ?? "UNKNOWN";
  const timedOut = TIMED_OUT.has(code);
  if (code === BUSY) return { kind: "contention", outcome: "none", code, timedOut };
  if (NOT_SENT.has(code)) return { kind: "infrastructure", outcome: "none", code, timedOut };
  // Only what the server said has a severity; EPIPE would pass for a SQLSTATE by its looks.
  const severity = propertyOf(error, "severity");
  if (severity === null) return { kind: "infrastructure", outcome: "unknown", code, timedOut };
  const kind = BY_SQLSTATE[code] ?? BY_SQLSTATE[code.slice(0, 2)] ?? "infrastructure";
  return { kind, outcome: endedSession(severity, code) ? "unknown" : "none", code, timedOut };
}

/**
 * True when the server ended the session instead of answering the statement. An ERROR means that
 * the statement was rolled back; a FATAL may arrive after its commit, before its answer.
 */
function endedSession(severity: string, code: string): boolean {
  return code.startsWith("08") || severity === "FATAL" || severity === "PANIC";
}

function propertyOf(error: unknown, name: string): string | null {
  if (typeof error !== "object" || error === null || !(name in error)) return null;
  const value: unknown = Reflect.get(error, name);
  return typeof value === "string" ? value : null;
}
