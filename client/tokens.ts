/**
 * Browser tokens, made by a team's own backend: a page gets a token that may do little and lives
 * short, and never sees the API key.
 *
 * It needs WebCrypto and `jose` alone, so it runs on Node 20 and newer, Deno and Bun.
 *
 * Tested in tests/client/tokens_test.ts.
 */
import { SignJWT } from "jose";
import type { ProcedurePath } from "./contract/tokens/claims.ts";
import {
  signingKeyOf,
  TOKEN_ALGORITHM,
  TOKEN_AUDIENCE,
  TOKEN_TYPE,
} from "./contract/tokens/signing_key.ts";

export interface BrowserTokenOptions {
  /** The API key, whose rights the token has at most. Space around it is left out. */
  readonly key: string;
  /** The procedures that the token may call, at least one. `whoami` and `renewToken` need no mention. */
  readonly procedures: readonly ProcedurePath[];
  /** The only store of the token. Left out: the stores of the key. */
  readonly storeId?: string;
  /** The name that `whoami` answers, 1–128. Left out: the name of the key. */
  readonly name?: string;
  /** Whole seconds from now, at least 1. The service takes at most its `WEIR_TOKEN_MAX_SECONDS`. */
  readonly expiresInSeconds: number;
}

export interface BrowserToken {
  readonly token: string;
  /** The time at which the token expires, as ISO 8601 in UTC. */
  readonly expiresAt: string;
}

const NO_KEY = "is no API key: one begins with weir_ and has an id. " +
  "A value of WEIR_DEV_KEY needs at least 32 characters, without space, quotes and weir_";
const STORE_ID = /^[a-z0-9][a-z0-9_-]{0,63}$/;
const MAX_NAME_LETTERS = 128;
/** JWT's times are seconds, and a `Date` ends in the year 275760. */
const MAX_SECONDS = 10 ** 11;

/**
 * Makes a token for a browser. It asks no server.
 * @throws TypeError when an option is wrong. The message shows no part of the key.
 */
export async function createBrowserToken(options: BrowserTokenOptions): Promise<BrowserToken> {
  const { procedures, storeId, name, expiresInSeconds } = checked(options);
  const signing = await signingKeyOf(options.key.trim());
  if (signing === null) throw wrong("key", NO_KEY);
  const iat = Math.floor(Date.now() / 1_000);
  const exp = iat + expiresInSeconds;
  const claims = {
    aud: TOKEN_AUDIENCE,
    iat,
    exp,
    jti: crypto.randomUUID(),
    procedures: [...new Set(procedures)],
    ...(storeId === undefined ? {} : { storeId }),
    ...(name === undefined ? {} : { name }),
  };
  const token = await new SignJWT(claims)
    .setProtectedHeader({ alg: TOKEN_ALGORITHM, typ: TOKEN_TYPE, kid: signing.keyId })
    .sign(signing.privateKey);
  return { token, expiresAt: new Date(exp * 1_000).toISOString() };
}

/** The same options. A caller in JavaScript may have given anything. @throws TypeError */
function checked(options: BrowserTokenOptions): BrowserTokenOptions {
  const { key, procedures, storeId, name, expiresInSeconds }: Partial<BrowserTokenOptions> =
    options;
  if (typeof key !== "string") throw wrong("key", "is missing: it is an API key");
  const isList = Array.isArray(procedures) && procedures.length > 0 &&
    procedures.every((path) => typeof path === "string" && path !== "");
  if (!isList) throw wrong("procedures", 'must name at least one, such as "dashboard.live"');
  const isStore = storeId === undefined ||
    (typeof storeId === "string" && STORE_ID.test(storeId));
  if (!isStore) throw wrong("storeId", `must match ${STORE_ID.source}`);
  const isName = name === undefined ||
    (typeof name === "string" && name !== "" && name.length <= MAX_NAME_LETTERS);
  if (!isName) throw wrong("name", `must have 1 to ${MAX_NAME_LETTERS} characters`);
  const isTime = Number.isInteger(expiresInSeconds) && Number(expiresInSeconds) >= 1 &&
    Number(expiresInSeconds) <= MAX_SECONDS;
  if (!isTime) throw wrong("expiresInSeconds", "must be whole seconds, at least 1");
  return options;
}

function wrong(option: keyof BrowserTokenOptions, why: string): TypeError {
  return new TypeError(`the option ${option} of a browser token ${why}`);
}
