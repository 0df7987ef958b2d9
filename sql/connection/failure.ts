/**
 * Errors of the database, and their meaning. `failure/codes.ts` has every code that Weir knows.
 *
 * The code and the severity of an error decide, never the text of its message. `classify` answers
 * three questions. Does the error count against the circuit (`infrastructure`)? Must the batch be
 * taken apart to find the order at fault (`data`)? May the statement have been committed all the
 * same (`outcome: "unknown"`)? An order is never refused after an unknown outcome.
 */

import { CLASS, CONNECTION, POSTGRES_CLASSES, SQLSTATE, WEIR_CODE } from "./failure/codes.ts";

export type FailureKind =
  /** The database, the way to it or its schema: counts against the circuit. */
  | "infrastructure"
  /** An order's content: never counts against the circuit. */
  | "data"
  /** Two transactions in each other's way: a repeat succeeds. */
  | "contention"
  /** A standby answered: the primary has to be looked for. Only its long absence is an outage. */
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

/** Kinds by code or by class; the code goes before the class. All others are infrastructure. */
const KINDS: Readonly<Record<string, FailureKind>> = {
  [CLASS.dataException]: "data",
  [CLASS.integrityViolation]: "data",
  [CLASS.caseNotFound]: "data",
  [CLASS.cardinalityViolation]: "data",
  [CLASS.routineException]: "data",
  [CLASS.externalRoutineException]: "data",
  [CLASS.checkOptionViolation]: "data",
  [CLASS.plpgsql]: "data",
  [CLASS.transactionRollback]: "contention",
  [SQLSTATE.lockNotAvailable]: "contention",
  [SQLSTATE.readOnlyTransaction]: "read_only",
};

/** No connection came about, so nothing was sent. `code` says why, if anything does. */
export class NotConnected extends Error {
  constructor(message: string, readonly code: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "NotConnected";
  }
}
/** The URL names a user, a password or a database that the server does not accept. */
const WRONG_URL: ReadonlySet<string> = new Set([
  SQLSTATE.invalidAuthorization,
  SQLSTATE.wrongPassword,
  SQLSTATE.noSuchDatabase,
]);

/** The server lets nobody in for the moment. */
const CLOSED_FOR_NOW: ReadonlySet<string> = new Set([
  SQLSTATE.cannotConnectNow,
  SQLSTATE.tooManyConnections,
]);

/**
 * Codes of an attempt to connect that fails at once: nobody is at the address, or the name is gone with
 * its container, or a server is only starting, or a proxy has no server for us and hangs up.
 */
const AWAY: ReadonlySet<string> = new Set([
  CONNECTION.refused,
  CONNECTION.noSuchHost,
  CONNECTION.noNameService,
  CONNECTION.hostUnreachable,
  CONNECTION.networkUnreachable,
  CONNECTION.reset,
  CONNECTION.closed,
  SQLSTATE.cannotConnectNow,
]);

/** No connection came about, so nothing can have been sent. */
const NOT_SENT: ReadonlySet<string> = new Set([
  CONNECTION.refused,
  CONNECTION.noSuchHost,
  CONNECTION.noNameService,
  CONNECTION.hostUnreachable,
  CONNECTION.networkUnreachable,
  CONNECTION.connectTimeout,
  ...CLOSED_FOR_NOW,
  ...WRONG_URL,
  WEIR_CODE.unfitSession,
  WEIR_CODE.unfitDatabase,
]);

const TIMED_OUT: ReadonlySet<string> = new Set([
  SQLSTATE.queryCanceled,
  WEIR_CODE.databaseTimeout,
]);

/** No answer came. A server that cancels a statement does answer, so its code is not here. */
const SILENCE: ReadonlySet<string> = new Set([
  WEIR_CODE.databaseTimeout,
  CONNECTION.destroyed,
  CONNECTION.connectTimeout,
]);

const OUR_CODES: ReadonlySet<string> = new Set(Object.values(WEIR_CODE));

/** The server has the thing and does not give it to us: it lacks a right, a setting or a feature. */
const WITHHELD: ReadonlySet<string> = new Set([
  SQLSTATE.insufficientPrivilege,
  SQLSTATE.notInPrerequisiteState,
  SQLSTATE.featureNotSupported,
  SQLSTATE.undefinedFunction,
]);

/** The meaning of an error of a database call. Anything may have been thrown. */
export function classify(error: unknown): Failure {
  const code = codeOf(error) ?? "UNKNOWN";
  const timedOut = TIMED_OUT.has(code);
  if (code === WEIR_CODE.poolBusy) return { kind: "contention", outcome: "none", code, timedOut };
  if (NOT_SENT.has(code) || error instanceof NotConnected) {
    return { kind: "infrastructure", outcome: "none", code, timedOut };
  }
  // Only the server's own errors have a severity. The socket's EPIPE looks like a SQLSTATE.
  const severity = textOf(error, "severity");
  if (severity === null) return { kind: "infrastructure", outcome: "unknown", code, timedOut };
  const kind = KINDS[code] ?? KINDS[code.slice(0, 2)] ?? "infrastructure";
  const lost = endsSession(severity) || code.startsWith(CLASS.connection);
  if (!lost && isOfTheRow(error, code)) return { kind: "data", outcome: "none", code, timedOut };
  return { kind, outcome: lost ? "unknown" : "none", code, timedOut };
}

/** True when a code that PostgreSQL has for other faults too, or not at all, speaks of the row. */
function isOfTheRow(error: unknown, code: string): boolean {
  switch (code) {
    case SQLSTATE.programLimitExceeded:
      return textOf(error, "constraint_name") !== null; // the index that the row is too long for
    default:
      return /^[0-9A-Z]{5}$/.test(code) && !POSTGRES_CLASSES.has(code.slice(0, 2));
  }
}

/** The code of an error: the server's SQLSTATE, the driver's, the socket's or ours. */
export function codeOf(error: unknown): string | null {
  return textOf(error, "code");
}

/** True when no connection came about: the database is away. */
export function isNotSent({ code }: Failure): boolean {
  return NOT_SENT.has(code);
}

/** True when no server is there, or one that starts. To ask again costs the database next to nothing. */
export function isAway({ code, outcome }: Failure): boolean {
  return outcome === "none" && AWAY.has(code);
}

/** True when the database said nothing. */
export function isSilence({ code }: Failure): boolean {
  return SILENCE.has(code);
}

/** True when the connection of the call is of no use any more. */
export function isConnectionLost(error: unknown): boolean {
  // A pooler may send the severity in the server's language alone.
  const severity = textOf(error, "severity") ?? textOf(error, "severity_local");
  if (severity !== null) return endsSession(severity);
  // The driver and the socket give each error a code. An error without one is a bug of ours.
  return error instanceof Error && codeOf(error) !== null;
}

/** True when Weir has thrown the error itself: it says nothing of the connection. */
export function isOurs(error: unknown): boolean {
  return OUR_CODES.has(codeOf(error) ?? "");
}

/** True when the call met a standby: the primary has to be looked for. */
export function isStandby(error: unknown): boolean {
  return codeOf(error) === SQLSTATE.readOnlyTransaction;
}

/**
 * True when a standby has answered, also when it answered a search for the primary, which counts as an
 * outage (`kind`). The next attempt costs nobody anything, and a primary may be there soon.
 */
export function isFromStandby({ code }: Failure): boolean {
  return code === SQLSTATE.readOnlyTransaction;
}

/** True when this server never gives this role what the call asked for, such as the log's position. */
export function isWithheld(error: unknown): boolean {
  return WITHHELD.has(codeOf(error) ?? "");
}

/** True when this role may not do it. */
export function isForbidden(error: unknown): boolean {
  return codeOf(error) === SQLSTATE.insufficientPrivilege;
}

/** True when a table is missing. */
export function isMissingTable(error: unknown): boolean {
  return codeOf(error) === SQLSTATE.undefinedTable;
}

/** True when a column is missing. */
export function isMissingColumn(error: unknown): boolean {
  return codeOf(error) === SQLSTATE.undefinedColumn;
}

/** True when the server starts, stops or is full: it may let us in later. */
export function isClosedForNow(error: unknown): boolean {
  return CLOSED_FOR_NOW.has(codeOf(error) ?? "");
}

/** True when the server has no connection left for us. */
export function isFull(error: unknown): boolean {
  return codeOf(error) === SQLSTATE.tooManyConnections;
}

/**
 * An ERROR means that the statement was rolled back. A FATAL or PANIC ends the session, and may
 * arrive after the statement's commit and before its answer.
 */
function endsSession(severity: string): boolean {
  return severity === "FATAL" || severity === "PANIC";
}

/** A field of an error, as postgres.js names it. Null: it is not there, or no text. */
export function textOf(error: unknown, name: string): string | null {
  if (typeof error !== "object" || error === null || !(name in error)) return null;
  const value: unknown = Reflect.get(error, name);
  return typeof value === "string" ? value : null;
}
