/**
 * Errors of the database: every code that Weir knows, and its meaning.
 *
 * The code and the severity of an error decide, never the text of its message. `classify` answers
 * three questions. Does the error count against the circuit (`infrastructure`)? Must the batch be
 * taken apart to find the order at fault (`data`)? May the statement have been committed all the
 * same (`outcome: "unknown"`)? An order is never refused after an unknown outcome.
 */

/** Codes of the server (PostgreSQL's manual, appendix A). */
export const SQLSTATE = {
  /** Another transaction changed or deleted a row that this one had read: run it again. */
  serializationFailure: "40001",
  /** The lock is taken, and `lock_timeout` is over. */
  lockNotAvailable: "55P03",
  /** A write met a standby, after a failover. */
  readOnlyTransaction: "25006",
  /** A standby's answer to each fold, which asks for the log's position. Rare otherwise. */
  notInPrerequisiteState: "55000",
  /** The statement was cancelled by `statement_timeout` and rolled back. */
  queryCanceled: "57014",
  /** No connection is free, so the server lets nobody in. */
  tooManyConnections: "53300",
  /** The server starts, stops or recovers. */
  cannotConnectNow: "57P03",
  /** The user does not exist, or may not connect from this address. */
  invalidAuthorization: "28000",
  wrongPassword: "28P01",
  /** A bound of the server is reached, such as the size of the queue of NOTIFY. */
  programLimitExceeded: "54000",
  /** A right is missing, or a policy of row-level security refused the row. */
  insufficientPrivilege: "42501",
  /** Such as a table that somebody has dropped. */
  undefinedTable: "42P01",
  /** The server is up and has no database of this name. */
  noSuchDatabase: "3D000",
  databaseExists: "42P04",
  /** No schema of the search path exists, or may be used. */
  invalidSchema: "3F000",
  /** A setting in the start-up message has an unknown name, or a value that does not fit. */
  unknownSetting: "42704",
  wrongSetting: "22023",
  /** Poolers give these to nearly all that they refuse; the text alone tells more. */
  protocolViolation: "08P01",
  internalError: "XX000",
  uniqueViolation: "23505",
} as const;

/** Classes of the server's codes: their first two characters. */
const CLASS = {
  /** A CASE in a function has no branch for this row. */
  caseNotFound: "20",
  /** A look-up found more rows than one. */
  cardinalityViolation: "21",
  /** A function ended without a result for this row. */
  routineException: "2F",
  /** An exception in a function in Python, Perl or Tcl. */
  externalRoutineException: "38",
  /** The row does not belong to the view that it was written through. */
  checkOptionViolation: "44",
  /** RAISE, ASSERT and a strict SELECT of PL/pgSQL. */
  plpgsql: "P0",
  /** The connection broke. */
  connection: "08",
  /** A value does not fit its type. */
  dataException: "22",
  /** A CHECK, a NOT NULL or a key refused the row. */
  integrityViolation: "23",
  /** The transaction was rolled back for another one: a serialization failure or a deadlock. */
  transactionRollback: "40",
} as const;

/** Codes of the driver and of the operating system. */
export const CONNECTION = {
  /** Nobody listens at the address. */
  refused: "ECONNREFUSED",
  noSuchHost: "ENOTFOUND",
  /** The name service does not answer. */
  noNameService: "EAI_AGAIN",
  hostUnreachable: "EHOSTUNREACH",
  networkUnreachable: "ENETUNREACH",
  reset: "ECONNRESET",
  timedOut: "ETIMEDOUT",
  /** The server took the connection and said nothing, until the driver gave up. */
  connectTimeout: "CONNECT_TIMEOUT",
  /** The pool cut the connection, because another call on it was given up. */
  destroyed: "CONNECTION_DESTROYED",
  /** The server ended the connection without a word. */
  closed: "CONNECTION_CLOSED",
  brokenPipe: "EPIPE",
  /** The server could not prove that it knows the password. */
  wrongServer: "SASL_SIGNATURE_MISMATCH",
} as const;

/** Codes of TLS: of the runtime, and for a server that has none. */
export const TLS = {
  /** The certificate leads to no authority that we trust. */
  untrusted: [
    "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
    "UNABLE_TO_GET_ISSUER_CERT",
    "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
    "SELF_SIGNED_CERT_IN_CHAIN",
    "DEPTH_ZERO_SELF_SIGNED_CERT",
    "CERT_UNTRUSTED",
  ],
  expired: ["CERT_HAS_EXPIRED", "CERT_NOT_YET_VALID"],
  otherName: ["ERR_TLS_CERT_ALTNAME_INVALID"],
  missing: ["WEIR_NO_TLS"],
} as const;

/** Codes of errors that Weir's own connections throw. */
export const WEIR_CODE = {
  /** The server gave no answer at all: it hangs. */
  databaseTimeout: "WEIR_DATABASE_TIMEOUT",
  /** The call never began, because too many others waited. This says nothing of the database. */
  poolBusy: "WEIR_POOL_BUSY",
  poolCut: "WEIR_POOL_CUT",
  /** Another program than PostgreSQL answers at the address. */
  notPostgres: "WEIR_NOT_POSTGRES",
  /** The server wants another proof of who we are than a password. */
  noWayIn: "WEIR_NO_WAY_IN",
  /** A file of a certificate or key cannot be read. */
  certificateFile: "WEIR_CERTIFICATE_FILE",
  /** The commit stands without the standby that it was to wait for. */
  notReplicated: "WEIR_NOT_REPLICATED",
  /** A session did not keep a setting that a promise rests on. No statement was sent. */
  unfitSession: "WEIR_UNFIT_SESSION",
  /** The encoding or the version of the database does not do. No statement was sent. */
  unfitDatabase: "WEIR_UNFIT_DATABASE",
  /** The statement was run, and its answer cannot be read. */
  unreadableValue: "WEIR_UNREADABLE_VALUE",
} as const;

export type FailureKind =
  /** The database, the way to it or its schema: counts against the circuit. */
  | "infrastructure"
  /** An order's content: never counts against the circuit. */
  | "data"
  /** Two transactions in each other's way: a repeat succeeds. */
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
/** All classes that PostgreSQL has. A code of any other class was chosen by a person for a RAISE. */
const POSTGRES_CLASSES: ReadonlySet<string> = new Set(
  ("00 01 02 03 08 09 0A 0B 0F 0L 0P 0Z 10 20 21 22 23 24 25 26 27 28 2B 2D 2F 34 38 39 3B 3D 3F " +
    "40 42 44 53 54 55 57 58 72 F0 HV P0 XX").split(" "),
);

/** The routine of the server that holds a row against policies, and does nothing else. */
const ROW_POLICY = "ExecWithCheckOptions";

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

/** A standby's answers to something that only a primary can do. */
const STANDBY: ReadonlySet<string> = new Set([
  SQLSTATE.readOnlyTransaction,
  SQLSTATE.notInPrerequisiteState,
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
    case SQLSTATE.insufficientPrivilege:
      return textOf(error, "routine") === ROW_POLICY;
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

/** True when the call met a standby: the primary has to be looked for. */
export function isStandby(error: unknown): boolean {
  return STANDBY.has(codeOf(error) ?? "");
}

/** True when this role may not do it. */
export function isForbidden(error: unknown): boolean {
  return codeOf(error) === SQLSTATE.insufficientPrivilege;
}

/** True when a table is missing. */
export function isMissingTable(error: unknown): boolean {
  return codeOf(error) === SQLSTATE.undefinedTable;
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
