/**
 * The door's question to every request: by which name was the service called, and whose page calls?
 *
 * A browser runs the pages of strangers beside a service that listens on the same machine. Such a
 * page reaches it by its own name, whose address the stranger changes afterwards (DNS rebinding), or
 * calls it across origins. So on a loopback address only names of this machine are answered, and
 * calls of other pages are refused. Elsewhere a page of another origin cannot read an answer without
 * CORS headers; a WebSocket has no such rule, so it is refused here.
 *
 * Programs send no `Origin` and are never asked. A browser alone tells the truth in these headers, and
 * a page cannot change them. So this protects from pages; from programs only the key does.
 *
 * The decision is made of plain values, and does nothing itself.
 * Tested in tests/server/front/origins_test.ts and tests/page/foreign/pages_test.ts.
 */
import { isLoopback } from "../config.ts";
import { isRest } from "./rest/paths.ts";

/** The rules of the configuration, about pages of other origins and names of this service. */
export interface DoorRules {
  /** The address that the server listens on, as HOST gives it. */
  readonly host: string;
  /** Names besides the machine's own; empty: none, and elsewhere than on loopback any. */
  readonly allowedHosts: readonly string[];
  /** Origins as a browser sends them, or `*` for all. */
  readonly allowedOrigins: readonly string[];
  /** True for an address of a proxy whose headers are believed. Default: none is. */
  readonly isProxy?: (remoteAddress: string) => boolean;
}

/** A request, as far as the door looks at it. A header that is missing is null. */
export interface Knock {
  readonly method: string;
  readonly path: string;
  readonly host: string | null;
  /** The address that the connection comes from. */
  readonly from?: string | null;
  /** `X-Forwarded-Host`, which anybody can send. */
  readonly forwardedHost?: string | null;
  readonly origin: string | null;
  /** The method that a preflight asks for. */
  readonly asksMethod: string | null;
  readonly isUpgrade: boolean;
}

/** `let in`: go on, with these headers. `allow`: a preflight, answered by the headers alone. */
export type Decision =
  | { readonly kind: "let in" | "allow"; readonly headers: Headers }
  | { readonly kind: "refuse"; readonly message: string };

type Headers = Readonly<Record<string, string>>;

/** Everything that the stock clients of tRPC send; the last two come from clients of event streams. */
const REQUEST_HEADERS =
  "authorization, content-type, trpc-accept, x-trpc-source, last-event-id, cache-control";
/** A client of REST sends this one besides. */
const REST_HEADERS = `${REQUEST_HEADERS}, idempotency-key`;
/** Two hours: no browser keeps a preflight for longer than Chromium, and Chromium for no longer. */
const PREFLIGHT_SECONDS = 7_200;

const MACHINE = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/;
const ADDRESS = /^(\d{1,3}(\.\d{1,3}){3}|\[[0-9a-f:.]+\])$/;

/** Decides about a request. */
export function decide(rules: DoorRules, knock: Knock): Decision {
  const { host, origin, path } = knock;
  const isLocal = isLoopback(rules.host);
  if (host !== null && !isOwnName(rules, isLocal, host)) {
    return refuse(
      `this service does not answer to the name ${shown(host)}; WEIR_ALLOWED_HOSTS can list it`,
    );
  }
  if (origin !== null && !isSameOrigin(origin, addressBarOf(rules, knock))) {
    const isListed = lists(rules.allowedOrigins, origin);
    if (!isListed && (isLocal || knock.isUpgrade)) {
      return refuse(
        `pages of the origin ${shown(origin)} may not call this service; ` +
          "WEIR_ALLOWED_ORIGINS can list it",
      );
    }
    if (isListed && isAsked(path)) return shared(rules, origin, knock);
  }
  // A cache must not give a page the answer that a program got, which has no CORS headers.
  const varies = rules.allowedOrigins.length > 0 && isAsked(path);
  return { kind: "let in", headers: varies ? { vary: "Origin" } : {} };
}

/** The headers that let a page of another origin read the answer. */
function shared(rules: DoorRules, origin: string, { method, path, asksMethod }: Knock): Decision {
  const all = rules.allowedOrigins.includes("*");
  const headers = { "access-control-allow-origin": all ? "*" : origin, vary: "Origin" };
  if (method !== "OPTIONS" || asksMethod === null) {
    return {
      kind: "let in",
      headers: {
        ...headers,
        "access-control-expose-headers": isCall(path)
          ? "Retry-After"
          : "Retry-After, Location, Link",
      },
    };
  }
  return {
    kind: "allow",
    headers: {
      ...headers,
      "access-control-allow-methods": "GET, POST",
      "access-control-allow-headers": isCall(path) ? REQUEST_HEADERS : REST_HEADERS,
      "access-control-max-age": String(PREFLIGHT_SECONDS),
    },
  };
}

/** The path of calls. */
export const TRPC_PATH = "/trpc";

/** True for a path of tRPC. */
export function isCall(path: string): boolean {
  return path === TRPC_PATH || path.startsWith(`${TRPC_PATH}/`);
}

/** True for a path whose answers are for one key and one moment: of tRPC or of REST. */
export function isAsked(path: string): boolean {
  return isCall(path) || isRest(path);
}

/**
 * A name of another machine cannot lead to a loopback address unless somebody turned it there.
 * Elsewhere any name may be this one's, so the list alone can say which are. An address is no name,
 * so nobody can turn it.
 */
function isOwnName({ allowedHosts }: DoorRules, isLocal: boolean, host: string): boolean {
  const name = nameOf(host);
  if (name === null) return false;
  if (MACHINE.test(name) || allowedHosts.includes(name)) return true;
  return !isLocal && (allowedHosts.length === 0 || ADDRESS.test(name));
}

/** The name in a `Host` header, without the port and in small letters; null: it is none. */
function nameOf(host: string): string | null {
  const url = `http://${host}/`;
  if (!/^[^/?#@\\\s]+$/.test(host) || !URL.canParse(url)) return null;
  return new URL(url).hostname;
}

/** The name in the browser's address bar: a proxy may have called the service by another one. */
function addressBarOf(
  { isProxy }: DoorRules,
  { host, from, forwardedHost }: Knock,
): string | null {
  if (forwardedHost == null || from == null || isProxy?.(from) !== true) return host;
  return forwardedHost.split(",")[0]!.trim(); // each proxy adds its own at the end
}

/** True when the page came from the host and port that it calls now. */
function isSameOrigin(origin: string, host: string | null): boolean {
  if (host === null || nameOf(host) === null) return false;
  if (!/^https?:\/\//i.test(origin) || !URL.canParse(origin)) return false;
  const page = new URL(origin);
  // Behind a proxy with TLS the service does not know its scheme, and the usual port is left out.
  return page.host === new URL(`${page.protocol}//${host}`).host;
}

function lists(allowed: readonly string[], origin: string): boolean {
  // A page that was opened as a file has no origin: Chromium says so in two ways.
  const name = origin === "file://" ? "null" : origin.toLowerCase();
  return ["*", origin, name].some((entry) => allowed.includes(entry));
}

function refuse(message: string): Decision {
  return { kind: "refuse", message };
}

/** A text of a stranger, in bounds. */
function shown(text: string): string {
  return JSON.stringify(text.length > 100 ? `${text.slice(0, 100)}…` : text);
}
