/**
 * The addresses that a client calls, from the one address that it is given. A path is kept: an
 * instance may stand behind a proxy that serves it below `/weir/`.
 *
 * Tested in tests/client/api/endpoint_test.ts.
 */

export interface Endpoint {
  /** For calls, such as `https://shop.example/weir/trpc`. */
  readonly http: string;
  /** For subscriptions, such as `wss://shop.example/weir/trpc`. */
  readonly webSocket: string;
}

const PATH = "/trpc";
const SCHEMES = ["http:", "https:", "ws:", "wss:"];

/**
 * Reads `url`, with or without `/trpc` and a slash at its end.
 * @throws TypeError when it is not the address of an instance. The message shows no part of it, since
 * a link may hold a key.
 */
export function endpointOf(url: string): Endpoint {
  const parsed = URL.canParse(url) ? new URL(url) : null;
  if (parsed === null || !SCHEMES.includes(parsed.protocol)) {
    throw wrong("must begin with http:// or https://, such as http://127.0.0.1:8080");
  }
  const { protocol, username, password, host, pathname } = parsed;
  if (username !== "" || password !== "") {
    throw wrong("must not hold a user or a password: the key is the token");
  }
  if (/[?#]/.test(url)) {
    throw wrong("must end with its path: it has a query (?) or a fragment (#)");
  }
  const isSecure = protocol === "https:" || protocol === "wss:";
  const path = pathname.replace(/\/+$/, "");
  const place = `${host}${path.endsWith(PATH) ? path : `${path}${PATH}`}`;
  return {
    http: `${isSecure ? "https" : "http"}://${place}`,
    webSocket: `${isSecure ? "wss" : "ws"}://${place}`,
  };
}

function wrong(why: string): TypeError {
  return new TypeError(`the url of a Weir client ${why}`);
}
