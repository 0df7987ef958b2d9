/**
 * The parameters of a connection string: libpq's, and the ones that providers and other drivers add.
 * Each is kept, dropped with one line in the log, or refused.
 *
 * A parameter without a row is refused too. The driver would send it to the server as a setting, and
 * the server would refuse the connection for ever.
 *
 * Tested in tests/sql/connection/url_test.ts.
 */

/** A parameter that is not used, for one line in the log. */
export interface DroppedParameter {
  readonly name: string;
  readonly why: string;
  readonly weakens: boolean;
}

export type Verdict =
  /** It is used, under the name and with the value that Weir understands. */
  | { readonly keep: string; readonly value: string }
  /** It is not used. `weakens`: the operator gets less than the string asks for. */
  | { readonly drop: string; readonly weakens?: true }
  /** The start ends. The text says what to do. */
  | { readonly refuse: string };

type Judge = (value: string) => Verdict;

const keep = (name: string): Judge => (value) => ({ keep: name, value });
const drop = (why: string): Judge => () => ({ drop: why });
const weaken = (why: string): Judge => () => ({ drop: why, weakens: true });
const refuse = (advice: string): Judge => () => ({ refuse: advice });

/** Keeps one of `values`; the rest is refused with the list of them. */
function oneOf(name: string, ...values: readonly string[]): Judge {
  return (value) =>
    values.includes(value)
      ? { keep: name, value }
      : { refuse: `it must be one of ${values.join(", ")}` };
}

/** Judges some values apart from the others. */
function by(special: Readonly<Record<string, Judge>>, others: Judge): Judge {
  return (value) => (special[value] ?? others)(value);
}

const SILENT = drop("");
const OWN_POOLS = drop("Weir sizes its own pools");
const OWN_TIMEOUTS = drop("Weir bounds every call itself");
const OWN_NAMES = drop("Weir names its connections itself, such as `weir write`");
const SILENCE = drop("Weir notices a silent connection by its own timeouts");
const KEPT_ALIVE = by({ "1": drop("every connection of Weir has it") }, SILENCE);
const NO_GSS = refuse("Weir has no Kerberos: use a password");
const ONE_PRIMARY = refuse("Weir needs the server that takes writes: use primary, or leave it out");
/** A name of a schema, or several, as `search_path` takes it. */
const SCHEMA: Judge = (value) => ({
  keep: "search_path",
  value: value.split(",").map((name) => `"${name.trim().replaceAll('"', '""')}"`).join(","),
});
const PREPARE = by({
  "false": (value) => ({ keep: "prepare", value }),
  "true": SILENT,
}, refuse("it must be true or false"));

/** Each judge by the name of its parameter. `host` and the like are read before. */
const JUDGES: Readonly<Record<string, Judge>> = {
  // libpq: the way to the server
  host: keep("host"),
  port: keep("port"),
  user: keep("user"),
  password: keep("password"),
  dbname: keep("dbname"),
  hostaddr: refuse("write the address as the host"),
  service: refuse("write the host, the user and the database themselves"),
  servicefile: refuse("write the host, the user and the database themselves"),
  passfile: refuse("write the password into the string"),
  connect_timeout: (value) =>
    /^-?\d+$/.test(value)
      ? { keep: "connect_timeout", value }
      : { refuse: "it must be a whole number of seconds" },
  target_session_attrs: by({
    any: drop("Weir looks for the primary in any case"),
    primary: SILENT,
    "read-write": SILENT,
  }, ONE_PRIMARY),
  load_balance_hosts: by(
    { disable: SILENT },
    drop("Weir asks the hosts in their order, because only the primary is of use"),
  ),
  application_name: OWN_NAMES,
  fallback_application_name: OWN_NAMES,
  keepalives: KEPT_ALIVE,
  keepalives_idle: SILENCE,
  keepalives_interval: SILENCE,
  keepalives_count: SILENCE,
  tcp_user_timeout: SILENCE,
  client_encoding: (value) =>
    /^(utf-?8|auto|unicode)$/i.test(value)
      ? { drop: "" }
      : { refuse: "Weir speaks UTF-8 alone: take it away" },
  options: keep("options"),
  replication: refuse("Weir opens ordinary sessions: take it away"),
  min_protocol_version: drop("Weir speaks protocol 3.0, which every server knows"),
  max_protocol_version: drop("Weir speaks protocol 3.0, which every server knows"),
  // libpq: TLS
  sslmode: by(
    { "no-verify": (_) => ({ keep: "sslmode", value: "require" }) },
    oneOf("sslmode", "disable", "allow", "prefer", "require", "verify-ca", "verify-full"),
  ),
  requiressl: by({ "1": (_) => ({ keep: "sslmode", value: "require" }) }, SILENT),
  sslrootcert: keep("sslrootcert"),
  sslcert: keep("sslcert"),
  sslkey: keep("sslkey"),
  sslpassword: keep("sslpassword"),
  sslnegotiation: oneOf("sslnegotiation", "postgres", "direct"),
  sslcertmode: by({ disable: (value) => ({ keep: "sslcertmode", value }) }, SILENT),
  sslsni: by({ "1": SILENT }, drop("Weir always tells the host name to the server")),
  sslcompression: SILENT,
  sslcrl: weaken("Weir reads no lists of revoked certificates"),
  sslcrldir: weaken("Weir reads no lists of revoked certificates"),
  sslkeylogfile: drop("Weir writes no keys to a file"),
  ssl_min_protocol_version: by(
    { TLSv1: SILENT, "TLSv1.1": SILENT, "TLSv1.2": SILENT },
    oneOf("ssl_min_protocol_version", "TLSv1.3"),
  ),
  ssl_max_protocol_version: drop("Weir takes the best version that both sides have"),
  // libpq: who one is
  channel_binding: by({
    disable: SILENT,
    prefer: drop("Weir has no channel binding"),
    require: weaken(
      "Weir has no channel binding: sslmode=verify-full keeps others from standing in between",
    ),
  }, refuse("it must be one of disable, prefer, require")),
  require_auth: weaken("Weir takes the way in that the server asks for"),
  gssencmode: by({ require: NO_GSS, disable: SILENT }, drop("Weir has no Kerberos")),
  krbsrvname: NO_GSS,
  gsslib: NO_GSS,
  gssdelegation: by({ "0": SILENT }, NO_GSS),
  requirepeer: refuse("it is for Unix sockets, which Weir does not use"),
  scram_client_key: refuse("write the password itself"),
  scram_server_key: refuse("write the password itself"),
  // Other drivers say the same in other words
  ssl: by({
    "true": (_) => ({ keep: "sslmode", value: "require" }),
    "1": (_) => ({ keep: "sslmode", value: "require" }),
    "no-verify": (_) => ({ keep: "sslmode", value: "require" }),
    "false": (_) => ({ keep: "sslmode", value: "disable" }),
    "0": (_) => ({ keep: "sslmode", value: "disable" }),
  }, (value) => JUDGES["sslmode"]!(value)),
  sslaccept: by({
    strict: (_) => ({ keep: "sslmode", value: "verify-full" }),
    accept_invalid_certs: SILENT,
  }, refuse("it must be strict or accept_invalid_certs")),
  sslidentity: refuse("Weir reads no PKCS #12 file: use sslcert and sslkey"),
  username: keep("user"),
  search_path: keep("search_path"),
  schema: SCHEMA, // Prisma
  currentSchema: SCHEMA, // JDBC
  prepare: PREPARE, // postgres.js
  prepared_statements: PREPARE, // Rails
  // Pools and timeouts of other drivers
  pooler: oneOf("pooler", "none", "session", "transaction"), // Weir's own: WEIR_DATABASE_POOLER
  pgbouncer: by({ "false": SILENT }, (_) => ({ keep: "pooler", value: "transaction" })), // Prisma
  connection_limit: OWN_POOLS,
  pool_timeout: OWN_TIMEOUTS,
  socket_timeout: OWN_TIMEOUTS,
  statement_cache_size: OWN_POOLS,
  single_use_connections: OWN_POOLS,
  max_connection_lifetime: OWN_POOLS,
  max_idle_connection_lifetime: OWN_POOLS,
  pool: OWN_POOLS,
  pool_size: OWN_POOLS,
  pool_min_conns: OWN_POOLS,
  pool_max_conns: OWN_POOLS,
  pool_max_conn_lifetime: OWN_POOLS,
  pool_max_conn_idle_time: OWN_POOLS,
  max: OWN_POOLS,
  idle_timeout: OWN_POOLS,
  max_lifetime: OWN_POOLS,
  checkout_timeout: OWN_TIMEOUTS,
  timeout: OWN_TIMEOUTS,
  loginTimeout: OWN_TIMEOUTS,
  socketTimeout: OWN_TIMEOUTS,
  command_timeout: OWN_TIMEOUTS,
  encoding: drop("Weir speaks UTF-8"),
  ApplicationName: OWN_NAMES,
  uselibpqcompat: SILENT, // node-postgres
  // Labels of providers
  supa: SILENT,
  endpoint: drop("the host name tells it"),
  workaround: drop("Weir needs none"),
};

/** Parameters that begin so have one row together. */
const PREFIXES: readonly (readonly [string, Judge])[] = [
  ["oauth_", refuse("Weir has no OAuth for the database: use a password")],
];

/** The longest edit between a slip of the pen and the name that was meant. */
const SLIP = 2;

/** The verdict on one parameter. */
export function judge(name: string, value: string): Verdict {
  const judgeOf = Object.hasOwn(JUDGES, name)
    ? JUDGES[name]
    : PREFIXES.find(([prefix]) => name.startsWith(prefix))?.[1];
  return judgeOf?.(value) ?? { refuse: `nobody knows it${suggestion(name)}` };
}

function suggestion(name: string): string {
  const near = Object.keys(JUDGES).map((known) => ({ known, edits: editsBetween(name, known) }))
    .filter(({ edits, known }) => edits <= Math.min(SLIP, known.length / 3))
    .sort((one, other) => one.edits - other.edits)[0];
  return near === undefined
    ? ". A setting of the server is written as options=-c%20name=value"
    : `: did you mean ${near.known}?`;
}

/** How many letters to add, take away or change; capitals count as small letters. */
function editsBetween(one: string, other: string): number {
  const [a, b] = [one.toLowerCase(), other.toLowerCase()];
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(change, row[j]! + 1, next[j - 1]! + 1));
    }
    row = next;
  }
  return row[b.length]!;
}
