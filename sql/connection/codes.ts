/**
 * Codes of errors that are not the server's: of the driver, the operating system, TLS, and of Weir's
 * own connections. The meaning of each to a call is in failure.ts.
 *
 * Tested in tests/sql/connection/failure_test.ts.
 */

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
