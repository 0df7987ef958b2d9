/**
 * REDIS_URL, understood: one server, the master that sentinels name, or a cluster.
 *
 * The driver, ioredis, takes any parameter of a URL as an option of its own, also one that Weir rests
 * upon. So it never sees the URL, and a parameter that is not listed here is refused.
 *
 * Tested in tests/server/redis/redis_url_test.ts and config_test.ts.
 */
import { WrongConnectionString } from "../sql/connection/url/grammar.ts";

export interface RedisHost {
  readonly host: string;
  readonly port: number;
}

export interface RedisLogin {
  readonly user: string;
  readonly password: string;
}

export interface RedisTarget {
  /** `sentinel`: the hosts are sentinels. `cluster`: the hosts are some of its nodes. */
  readonly kind: "server" | "sentinel" | "cluster";
  readonly hosts: readonly RedisHost[];
  /** Null: nobody has to log in. */
  readonly login: RedisLogin | null;
  /** At the sentinels; null: nobody has to log in there. */
  readonly sentinelLogin: RedisLogin | null;
  /** The name by which the sentinels know the master; empty for the other kinds. */
  readonly masterName: string;
  /** The number of the database. */
  readonly database: number;
  /** Null: without TLS. */
  readonly tls: { readonly caFile: string | null } | null;
}

/** Strings that people copy from elsewhere, and the way to mend each. */
const COPIES: readonly (readonly [RegExp, string])[] = [
  [/^(["']).*\1$/s, "it stands in quotes: take them away"],
  [/^redis-cli\s/, "it is a command: keep the URL alone"],
  [/^https?:/i, "it is an address for REST: use the one that begins with redis:// or rediss://"],
];

const SCHEME = /^redis(s?)(?:\+(sentinel|cluster))?:\/\//i;
const PORTS = { server: 6_379, sentinel: 26_379, cluster: 6_379 };
const PARAMETERS = ["cafile", "sentineluser", "sentinelpassword"];

/** @throws WrongConnectionString, whose message shows no part of the URL */
export function understandRedisUrl(text: string): RedisTarget {
  for (const [pattern, advice] of COPIES) if (pattern.test(text)) wrong(advice);
  const [scheme, secure, kindName] = SCHEME.exec(text) ??
    wrong(
      "it must begin with redis:// or rediss://, or with redis+sentinel:// or redis+cluster://",
    );
  const kind = kindName === undefined
    ? "server"
    : kindName.toLowerCase() === "sentinel"
    ? "sentinel"
    : "cluster";
  const [, login = "", address = ""] = /^(?:(.*)@)?([^@]*)$/s.exec(text.slice(scheme.length)) ?? [];
  if (/[@/?#]/.test(login)) {
    wrong("the password holds one of @ / ? #: write it as %40, %2F, %3F or %23");
  }
  if (address.includes("#")) wrong("it holds a #: write it as %23");
  const [place = "", query = "", ...rest] = address.split("?");
  if (rest.length > 0) wrong("a value holds a ?: write it as %3F");
  const [hostList = "", ...path] = place.split("/");
  const hosts = hostsOf(hostList, PORTS[kind]);
  if (kind === "server" && hosts.length > 1) {
    wrong("it names several hosts: write redis+sentinel:// or redis+cluster://");
  }
  const parameters = parametersOf(query);
  const isSentinel = kind === "sentinel";
  const masterName = isSentinel ? decoded(path.shift() ?? "") : "";
  if (isSentinel && masterName === "") {
    wrong("after the sentinels stands the name of the master, such as /mymaster");
  }
  const database = numberOf(path);
  if (kind === "cluster" && database !== 0) wrong("a cluster has no other database than 0");
  const caFile = parameters.get("cafile") ?? null;
  if (caFile !== null && secure === "") wrong("cafile needs rediss://");
  const sentinelPassword = parameters.get("sentinelpassword");
  const sentinelUser = parameters.get("sentineluser");
  if (!isSentinel && (sentinelPassword ?? sentinelUser) !== undefined) {
    wrong("only sentinels have a sentineluser and a sentinelpassword");
  }
  if (sentinelUser !== undefined && sentinelPassword === undefined) {
    wrong("a sentineluser needs a sentinelpassword");
  }
  return {
    kind,
    hosts,
    login: loginOf(login),
    sentinelLogin: sentinelPassword === undefined
      ? null
      : { user: sentinelUser ?? "", password: sentinelPassword },
    masterName,
    database,
    tls: secure === "" ? null : { caFile },
  };
}

function wrong(message: string): never {
  throw new WrongConnectionString(message);
}

function hostsOf(list: string, port: number): RedisHost[] {
  return list.split(",").map((text) => {
    if (text === "") wrong("it names no host");
    const address = `http://${text}`;
    if (!URL.canParse(address)) wrong("a host or a port cannot be read");
    const url = new URL(address);
    // `URL` leaves out the port 80, which is its own.
    const given = /:(\d+)$/.exec(text.replace(/^\[.*\]/, ""))?.[1];
    return {
      host: url.hostname.replace(/^\[(.*)\]$/, "$1"),
      port: given === undefined ? port : Number(given),
    };
  });
}

function loginOf(text: string): RedisLogin | null {
  if (text === "") return null;
  const [user = "", ...password] = text.split(":");
  return { user: decoded(user), password: decoded(password.join(":")) };
}

function decoded(text: string): string {
  if (/%(?![0-9a-f]{2})/i.test(text)) {
    wrong("the password holds a % that begins no code: write it as %25");
  }
  try {
    return decodeURIComponent(text);
  } catch {
    return wrong("a code such as %FF is no letter of UTF-8");
  }
}

function parametersOf(query: string): ReadonlyMap<string, string> {
  const parameters = new Map(
    query.split("&").filter((part) => part !== "").map((part) => {
      const [name = "", ...value] = part.split("=");
      return [name, decoded(value.join("="))];
    }),
  );
  const unknown = [...parameters.keys()].find((name) => !PARAMETERS.includes(name));
  if (unknown !== undefined) {
    wrong(`it has parameters that Weir does not know; it knows ${PARAMETERS.join(", ")}`);
  }
  return parameters;
}

function numberOf(path: readonly string[]): number {
  const text = path.join("/");
  if (!/^\d{0,9}$/.test(text)) wrong("after the host stands the number of a database, such as /0");
  return Number(text);
}
