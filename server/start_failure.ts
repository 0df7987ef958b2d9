/**
 * Failures at the start: the meaning of each in words for the operator, the setting to look at, and
 * whether it ends the start. A database that is away comes back. A database that does not let us
 * in, or has a schema that this code does not know, needs a person.
 *
 * The tasks print the same words. To add a failure, write its row into `ROWS`; the first row that
 * fits counts.
 */
import { codeOf } from "../sql/connection/failure.ts";
import { CONNECTION, SQLSTATE, TLS, WEIR_CODE } from "../sql/connection/failure/codes.ts";
import { WrongConnectionString } from "../sql/connection/url/grammar.ts";
import { MigrationError, MigrationLocked } from "../sql/migrate.ts";
import { ProcessFailed } from "./child_process.ts";
import { ConfigError } from "./config.ts";
import { EmbeddedError } from "./embedded/mod.ts";
import { ListenError } from "./front/connections/listen_error.ts";
import { describe } from "./telemetry/log.ts";

/** A failure of the database that Weir knows. */
export interface KnownFailure {
  readonly meaning: string;
  /** The thing to look at. */
  readonly advice: string;
  /** The start ends when it has failed in this way so many times. */
  readonly endsAfterTries: number;
}

interface Row extends KnownFailure {
  readonly codes: readonly string[];
  /** Poolers and pg_hba.conf say more in the text than in the code. */
  readonly says?: RegExp;
}

const NEVER = Infinity;
const AT_ONCE = 1;
/** A balancer may answer for a server that is about to come. */
const SOON = 5;

const AWAY = "the database is away";
const SHUT = "the database lets nobody in for now";
const REFUSED = "the database refuses the login";
const NO_TRUST = "the database's certificate is not trusted";
const POOLER = [SQLSTATE.protocolViolation, SQLSTATE.internalError];
const LOOK_AT_LOGIN = "look at the user and the password in DATABASE_URL";

function row(
  codes: readonly string[] | string,
  endsAfterTries: number,
  meaning: string,
  advice: string,
  says?: RegExp,
): Row {
  const list = typeof codes === "string" ? [codes] : codes;
  return { codes: list, endsAfterTries, meaning, advice, ...(says === undefined ? {} : { says }) };
}

const ROWS: readonly Row[] = [
  // Poolers, by their words
  row(
    POOLER,
    AT_ONCE,
    "the pooler does not know the database",
    "look at the database in DATABASE_URL, and at [databases] of PgBouncer",
    /no such database/i,
  ),
  row(
    POOLER,
    AT_ONCE,
    "the pooler refuses a setting of the session",
    "take it out of options in DATABASE_URL, or name it in ignore_startup_parameters",
    /unsupported startup parameter/i,
  ),
  row(
    POOLER,
    NEVER,
    "the pooler lets nobody in for now",
    "raise max_client_conn or the size of its pools",
    /no more connections|max_?client|max clients|too many/i,
  ),
  row(
    POOLER,
    AT_ONCE,
    "the pooler asks for TLS",
    "write sslmode=require into DATABASE_URL",
    /SSL required/i,
  ),
  row(
    POOLER,
    AT_ONCE,
    "the provider's proxy does not know the project",
    "look at the host, its region and the user in DATABASE_URL: some want user.project",
    /tenant or user not found|endpoint (id|could not be found)/i,
  ),
  row(
    POOLER,
    NEVER,
    "the pooler does not reach the database",
    "look at the pooler's log",
    /server login|cannot connect to server|query_wait_timeout/i,
  ),
  row(
    POOLER,
    AT_ONCE,
    "the pooler refuses the login",
    LOOK_AT_LOGIN,
    /auth|password|no such user/i,
  ),
  // The login
  row(SQLSTATE.wrongPassword, AT_ONCE, REFUSED, LOOK_AT_LOGIN),
  row(
    SQLSTATE.invalidAuthorization,
    AT_ONCE,
    REFUSED,
    "write sslmode=require into DATABASE_URL, or open pg_hba.conf for connections without TLS",
    /no encryption|SSL off/i,
  ),
  row(
    SQLSTATE.invalidAuthorization,
    AT_ONCE,
    REFUSED,
    "give sslcert and sslkey in DATABASE_URL",
    /client certificate/i,
  ),
  row(
    SQLSTATE.invalidAuthorization,
    AT_ONCE,
    REFUSED,
    "look at the user in DATABASE_URL, and at the server's pg_hba.conf",
  ),
  row(
    SQLSTATE.noSuchDatabase,
    AT_ONCE,
    "the server has no such database",
    "look at the database in DATABASE_URL, or make it by CREATE DATABASE",
  ),
  row(
    WEIR_CODE.noWayIn,
    AT_ONCE,
    REFUSED,
    "let the server ask for scram-sha-256 in pg_hba.conf",
  ),
  row(
    CONNECTION.wrongServer,
    AT_ONCE,
    "the server does not know the password that it asks for",
    "look at the host in DATABASE_URL: another server may answer there",
  ),
  // Rights and settings
  row(
    SQLSTATE.insufficientPrivilege,
    AT_ONCE,
    "the role of DATABASE_URL lacks a right",
    "give it the rights that docs/operating.md lists under Roles",
  ),
  row(
    SQLSTATE.invalidSchema,
    AT_ONCE,
    "the role of DATABASE_URL has no schema to work in",
    "GRANT USAGE on it to the role, or name another one by WEIR_SCHEMA",
  ),
  row(
    [SQLSTATE.unknownSetting, SQLSTATE.wrongSetting],
    AT_ONCE,
    "the server does not take a setting of the session",
    "look at options in DATABASE_URL",
  ),
  row(
    WEIR_CODE.unfitDatabase,
    AT_ONCE,
    "the database is not fit for Weir",
    "docs/operating.md lists what it must be, under Versions",
  ),
  row(
    WEIR_CODE.unfitSession,
    NEVER,
    "the sessions of the database are not fit for Weir",
    "connect without the pooler, or let it pass settings on",
  ),
  // TLS
  row(
    TLS.untrusted,
    AT_ONCE,
    NO_TRUST,
    "give the file of its authority as sslrootcert in DATABASE_URL",
  ),
  row(
    TLS.otherName,
    AT_ONCE,
    "the database's certificate is for another host",
    "write a name of the certificate as the host in DATABASE_URL, or use sslmode=verify-ca",
  ),
  row(TLS.expired, NEVER, NO_TRUST, "renew it on the server, and look at both clocks"),
  row(
    TLS.missing,
    AT_ONCE,
    "the database has no TLS",
    "turn it on at the server (ssl = on), or change sslmode in DATABASE_URL",
  ),
  row(
    WEIR_CODE.certificateFile,
    AT_ONCE,
    "a file of DATABASE_URL cannot be used",
    "look at sslrootcert, sslcert and sslkey",
  ),
  // The server and the way to it
  row(
    WEIR_CODE.notPostgres,
    SOON,
    "another program than PostgreSQL answers",
    "look at the port in DATABASE_URL: PostgreSQL's is mostly 5432",
  ),
  row(
    SQLSTATE.readOnlyTransaction,
    NEVER,
    "only standbys answer, and none of them takes writes",
    "name the primary among the hosts in DATABASE_URL, or promote a standby",
  ),
  row(
    SQLSTATE.tooManyConnections,
    NEVER,
    SHUT,
    "raise max_connections, or CONNECTION LIMIT of the role or the database",
  ),
  row(SQLSTATE.cannotConnectNow, NEVER, SHUT, "it starts, stops or recovers: look at its log"),
  row(
    CONNECTION.noSuchHost,
    NEVER,
    AWAY,
    "no host has this name: look at the host in DATABASE_URL",
  ),
  row(
    CONNECTION.noNameService,
    NEVER,
    AWAY,
    "the name service does not answer: look at the network, and at the host in DATABASE_URL",
  ),
  row(
    CONNECTION.refused,
    NEVER,
    AWAY,
    "nobody listens there: look at the server, and at the host and the port in DATABASE_URL",
  ),
  row(
    [
      CONNECTION.connectTimeout,
      CONNECTION.timedOut,
      CONNECTION.hostUnreachable,
      CONNECTION.networkUnreachable,
    ],
    NEVER,
    AWAY,
    "nothing comes back: look at firewalls, and at the host and the port in DATABASE_URL",
  ),
  row(
    [CONNECTION.reset, CONNECTION.closed, CONNECTION.brokenPipe],
    NEVER,
    AWAY,
    "it hangs up without a word: look at its log, and at the port and sslmode in DATABASE_URL",
  ),
];

/** Errors whose message is one line for the operator. */
const TOLD = [
  ConfigError,
  EmbeddedError,
  ListenError,
  MigrationError,
  MigrationLocked,
  ProcessFailed,
  WrongConnectionString,
] as const;

/** The meaning of a failure of the database; null when Weir does not know it. */
export function knownFailure(error: unknown): KnownFailure | null {
  const code = codeOf(error);
  if (!(error instanceof Error) || code === null) return null;
  return ROWS.find(({ codes, says }) =>
    codes.includes(code) && (says === undefined || says.test(error.message))
  ) ?? null;
}

/** The tries after which the start ends with this failure; Infinity: never. */
export function endsAfterTries(error: unknown): number {
  if (error instanceof MigrationError || error instanceof WrongConnectionString) return AT_ONCE;
  return knownFailure(error)?.endsAfterTries ?? NEVER;
}

/** The line to print before the exit; null when the error is a bug. */
export function startFailureLine(error: unknown): string | null {
  if (TOLD.some((kind) => error instanceof kind)) return (error as Error).message;
  const known = knownFailure(error);
  if (known === null) return null;
  return `${known.meaning}: ${describe(error)}: ${known.advice}`;
}
