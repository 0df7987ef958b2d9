/**
 * Codes of errors of the database: of the server, of the driver, of the operating system, and ours.
 * `failure.ts` says what they mean.
 *
 * Tested in tests/sql/connection/failure_test.ts.
 */

/** Codes of the server (PostgreSQL's manual, appendix A). */
export const SQLSTATE = {
  /** Another transaction changed or deleted a row that this one had read: run it again. */
  serializationFailure: "40001",
  deadlockDetected: "40P01",
  /** The lock is taken, and `lock_timeout` is over. */
  lockNotAvailable: "55P03",
  /** A write met a standby, after a failover. */
  readOnlyTransaction: "25006",
  /** Something has to be set up or switched on first. Aurora says so of the log's position. */
  notInPrerequisiteState: "55000",
  featureNotSupported: "0A000",
  undefinedFunction: "42883",
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
  /** A right is missing, or a policy of row-level security would hide rows. */
  insufficientPrivilege: "42501",
  /** Such as a table that somebody has dropped. */
  undefinedTable: "42P01",
  undefinedColumn: "42703",
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
export const CLASS = {
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

/** All classes that PostgreSQL has. A code of any other class was chosen by a person for a RAISE. */
export const POSTGRES_CLASSES: ReadonlySet<string> = new Set(
  ("00 01 02 03 08 09 0A 0B 0F 0L 0P 0Z 10 20 21 22 23 24 25 26 27 28 2B 2D 2F 34 38 39 3B 3D 3F " +
    "40 42 44 53 54 55 57 58 72 F0 HV P0 XX").split(" "),
);

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
