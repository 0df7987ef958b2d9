/**
 * A connection string, understood: hosts, login, database, TLS and settings.
 *
 * The driver, postgres.js 3.4, never sees the string. It cuts IPv6 addresses at the first colon, it
 * sends each parameter that it does not know to the server as a setting, and it fills gaps from PG*
 * variables of the environment.
 *
 * The canonical URL says the same as the string, without anything that Weir does not use. Its hosts
 * stand in the text as a list, so that `onlyHost` can take one of them.
 */
import { userInfo } from "node:os";
import type { Settings } from "./settings.ts";
import { keywordsOf, WrongConnectionString } from "./url/grammar.ts";
import { type DroppedParameter, judge } from "./url/parameters.ts";
import { readOptions, type StartupOptions } from "./url/startup_options.ts";

export interface Host {
  readonly name: string;
  readonly port: number;
}

/** TLS as the string asks for it. Files are PEM, read at each connection. */
export interface Tls {
  /** True: without TLS when the server has none. */
  readonly optional: boolean;
  /** The part of the server's certificate that is checked. */
  readonly check: "nothing" | "chain" | "chain and name";
  /** The server speaks TLS from the first byte on (PostgreSQL 17). */
  readonly direct: boolean;
  readonly minVersion: "TLSv1.2" | "TLSv1.3";
  /** The file of the certificates that are trusted; null: the ones that the runtime trusts. */
  readonly rootCertFile: string | null;
  readonly certFile: string | null;
  readonly keyFile: string | null;
  readonly keyPassword: string | null;
}

/** A pooler gives a server's session to a client for one transaction, or for the client's session. */
export type Pooler = "none" | "session" | "transaction";

export interface Target {
  readonly hosts: readonly Host[];
  readonly user: string;
  readonly password: string;
  readonly database: string;
  /** Null: never. */
  readonly tls: Tls | null;
  /** The most time for each host; null: nothing is said. */
  readonly connectTimeoutMs: number | null;
  /** Settings of each session besides Weir's own, such as `search_path`. */
  readonly settings: Settings;
  /** Words for a provider's proxy, which travel in the start-up message. */
  readonly startup: Readonly<Record<string, string>>;
  /** False: statements are not prepared, for a pooler that cannot. */
  readonly prepare: boolean;
  /** The mode of a pooler before the server; null: the session finds out. */
  readonly pooler: Pooler | null;
}

export interface Understood {
  /** The canonical URL. */
  readonly url: string;
  readonly target: Target;
  readonly dropped: readonly DroppedParameter[];
}

const DEFAULT_PORT = 5_432;
const HOST_NAME = /^[\p{L}\p{N}_](?:[\p{L}\p{N}_.-]*[\p{L}\p{N}_.])?$/u;
const IPV6 = /^[0-9a-f:]*:[0-9a-f:.]*(?:%\w+)?$/i;

/** Reads a connection string. @throws WrongConnectionString */
export function understand(text: string): Understood {
  const kept = new Map<string, string>();
  const dropped: DroppedParameter[] = [];
  for (const [name, value] of keywordsOf(text)) {
    if (value === "") continue; // libpq takes an empty value for none
    const verdict = judge(name, value);
    if ("refuse" in verdict) throw new WrongConnectionString(`${name}: ${verdict.refuse}`);
    if ("keep" in verdict) kept.set(verdict.keep, verdict.value);
    else if (verdict.drop !== "") {
      dropped.push({ name, why: verdict.drop, weakens: verdict.weakens ?? false });
    }
  }
  const options = readOptions(kept.get("options") ?? "");
  if (!kept.has("user")) {
    const user = userInfo().username;
    kept.set("user", user);
    dropped.push({ name: "user", why: `none is given, so it is ${user}`, weakens: false });
  }
  const target = targetOf(kept, options);
  return { url: canonical(kept, target), target, dropped: [...dropped, ...options.dropped] };
}

/** The canonical URL with one of its hosts alone. */
export function onlyHost(url: string, host: Host): string {
  return url.replace(
    /^([a-z]+:\/\/[^@/]*@)[^/?]+/,
    (_, before: string) => before + addressOf(host),
  );
}

/** The canonical URL of a way on which such a pooler stands. Undefined: as the URL says. */
export function withPooler(url: string, pooler: Pooler | undefined): string {
  return pooler === undefined ? url : withParameter(url, "pooler", pooler);
}

/** The canonical URL with Weir's tables in this schema. Undefined: as the URL says. */
export function withSchema(url: string, schema: string | undefined): string {
  if (schema === undefined) return url;
  return withParameter(url, "search_path", `"${schema.replaceAll('"', '""')}"`);
}

function withParameter(url: string, name: string, value: string): string {
  const [address, query = ""] = url.split("?");
  const others = query.split("&").filter((part) => part !== "" && !part.startsWith(`${name}=`));
  return `${address}?${[...others, `${name}=${encodeURIComponent(value)}`].join("&")}`;
}

function addressOf({ name, port }: Host): string {
  return `${name.includes(":") ? `[${name}]` : name}:${port}`;
}

function targetOf(
  kept: ReadonlyMap<string, string>,
  { settings, startup }: StartupOptions,
): Target {
  const user = kept.get("user") ?? "";
  const seconds = Number(kept.get("connect_timeout") ?? 0);
  const searchPath = kept.get("search_path");
  return {
    hosts: hostsOf(kept.get("host") ?? "localhost", kept.get("port") ?? ""),
    user,
    password: kept.get("password") ?? "",
    database: kept.get("dbname") ?? user,
    tls: tlsOf(kept),
    connectTimeoutMs: seconds > 0 ? seconds * 1_000 : null,
    startup,
    settings: searchPath === undefined ? settings : { ...settings, search_path: searchPath },
    prepare: kept.get("prepare") !== "false",
    pooler: kept.get("pooler") as Pooler | undefined ?? null,
  };
}

function hostsOf(hostList: string, portList: string): Host[] {
  const names = hostList.split(",").map((name) => name || "localhost");
  const ports = portList.split(",").map((port) => {
    const number = port === "" ? DEFAULT_PORT : /^\d{1,5}$/.test(port) ? Number(port) : NaN;
    if (number >= 1 && number <= 65_535) return number;
    throw new WrongConnectionString("a port must be a number from 1 to 65535");
  });
  if (ports.length > 1 && ports.length !== names.length) {
    throw new WrongConnectionString(`it has ${names.length} hosts and ${ports.length} ports`);
  }
  for (const name of names) {
    if (/^[/@]/.test(name)) {
      throw new WrongConnectionString(
        "its host is a Unix socket, and Weir uses TCP alone: write the server's name or address",
      );
    }
    if (!HOST_NAME.test(name) && !IPV6.test(name)) {
      throw new WrongConnectionString(
        "its host is no name and no address: a special character of the password is written as %XX",
      );
    }
  }
  return names.map((name, index) => ({ name, port: ports[index] ?? ports[0] ?? DEFAULT_PORT }));
}

/** The rules of libpq, where the runtime's certificates stand for `~/.postgresql/root.crt`. */
function tlsOf(kept: ReadonlyMap<string, string>): Tls | null {
  const root = kept.get("sslrootcert");
  const isSystem = root === "system";
  const mode = kept.get("sslmode") ?? (isSystem ? "verify-full" : "prefer");
  if (isSystem && mode !== "verify-full") {
    throw new WrongConnectionString("sslrootcert: system needs sslmode=verify-full");
  }
  if (mode === "verify-ca" && root === undefined) {
    throw new WrongConnectionString(
      "sslmode: verify-ca needs sslrootcert, the file of your authority; or use verify-full",
    );
  }
  const direct = kept.get("sslnegotiation") === "direct";
  const optional = mode === "prefer" || mode === "allow";
  if (direct && (optional || mode === "disable")) {
    throw new WrongConnectionString("sslnegotiation: direct needs sslmode=require or more");
  }
  if (mode === "disable") return null;
  const mayShow = kept.get("sslcertmode") !== "disable";
  const [certFile, keyFile] = [kept.get("sslcert") ?? null, kept.get("sslkey") ?? null];
  if (mayShow && (certFile === null) !== (keyFile === null)) {
    throw new WrongConnectionString(
      certFile === null
        ? "sslkey: it needs sslcert, the client's certificate"
        : "sslcert: it needs sslkey; the server's authority is given as sslrootcert",
    );
  }
  return {
    optional,
    check: mode === "verify-full"
      ? "chain and name"
      : mode === "verify-ca" || root !== undefined
      ? "chain"
      : "nothing",
    direct,
    minVersion: kept.has("ssl_min_protocol_version") ? "TLSv1.3" : "TLSv1.2",
    rootCertFile: isSystem ? null : root ?? null,
    certFile: mayShow ? certFile : null,
    keyFile: mayShow ? keyFile : null,
    keyPassword: kept.get("sslpassword") ?? null,
  };
}

/** These stand before the question mark. */
const PLACED: ReadonlySet<string> = new Set(["host", "port", "user", "password", "dbname"]);

function canonical(kept: ReadonlyMap<string, string>, target: Target): string {
  const { user, password, database, hosts } = target;
  const login = [user, ...(password === "" ? [] : [password])].map(encodeURIComponent).join(":");
  const rest = [...kept].filter(([name]) => !PLACED.has(name))
    .map(([name, value]) => `${name}=${encodeURIComponent(value)}`);
  const query = rest.length === 0 ? "" : `?${rest.join("&")}`;
  return `postgres://${login}@${hosts.map(addressOf).join(",")}/${
    encodeURIComponent(database)
  }${query}`;
}
