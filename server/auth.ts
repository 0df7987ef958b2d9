/**
 * Who is calling: from a token to what its key allows.
 *
 * Keys are cached, so that a call costs no read of the database and a known key works through an
 * outage; a key that was revoked stops within `FRESH_MS` while the database is up. A key that this
 * instance does not know is looked up, and is `unavailable` while that cannot be done: it is not
 * called wrong by an instance that cannot tell.
 */
import { LRUCache } from "lru-cache";
import { type ApiKey, type Scope, SCOPES } from "../sql/api_keys.ts";
import { refuse } from "../actors/refusal.ts";
import { settlesWithin } from "./pause.ts";
import { RefusedError } from "./router/errors.ts";

/** What the caller may do. */
export interface Principal {
  readonly keyId: string;
  readonly scopes: ReadonlySet<Scope>;
  /** The one store that the key is for; null: all of them. */
  readonly storeId: string | null;
}

export interface AuthOptions {
  /** Reads the database; null when there is no such key in force. */
  readonly findKey: (token: string) => Promise<ApiKey | null>;
  /** A key with every scope, for development; null: there is none. */
  readonly devKey: string | null;
  /** Monotonic, milliseconds. */
  readonly now: () => number;
}

export interface Auth {
  /** @throws RefusedError unauthenticated, or unavailable */
  authenticate(token: string | null): Promise<Principal>;
}

const FRESH_MS = 10_000;
const MAX_KEYS = 10_000;
/** What a read may take before an entry that is no longer fresh has to do. */
const PATIENCE_MS = 250;

const DEV_PRINCIPAL: Principal = { keyId: "dev", scopes: new Set(SCOPES), storeId: null };

/** A key that there is not is remembered too, so that guessing does not reach the database. */
const UNKNOWN = Symbol("unknown key");

const CANNOT_CHECK = refuse(
  "unavailable",
  "the API key cannot be checked while the database is away",
  1_000,
);

/** Makes the key cache. */
export function createAuth({ findKey, devKey, now }: AuthOptions): Auth {
  const principals = new LRUCache<string, Principal | typeof UNKNOWN>({
    max: MAX_KEYS,
    ttl: FRESH_MS,
    ttlResolution: 0,
    perf: { now },
    allowStaleOnFetchRejection: true,
    noDeleteOnStaleGet: true,
    fetchMethod: async (token) => {
      const key = await findKey(token);
      if (key === null) return UNKNOWN;
      return { keyId: key.keyId, scopes: new Set(key.scopes), storeId: key.storeId };
    },
  });
  return {
    authenticate: async (token) => {
      if (token === null) throw unauthenticated("an API key is needed");
      if (devKey !== null && token === devKey) return DEV_PRINCIPAL;
      const principal = await fetchPatiently(principals, token);
      // The read failed, and there was nothing older to fall back on.
      if (principal === undefined) throw new RefusedError(CANNOT_CHECK);
      if (principal === UNKNOWN) throw unauthenticated("the API key is wrong or revoked");
      return principal;
    },
  };
}

/**
 * The entry of `token`, read again when it is no longer fresh; what was known before has to do when
 * that takes too long, since a database that hangs must not make every call hang with it.
 */
async function fetchPatiently<Value extends object | symbol>(
  cache: LRUCache<string, Value>,
  token: string,
): Promise<Value | undefined> {
  const known = cache.get(token, { allowStale: true });
  const reading = cache.fetch(token);
  if (known === undefined) return await reading;
  return await settlesWithin(PATIENCE_MS, reading) ? await reading : known;
}

/** The token of an `Authorization: Bearer` header; null when there is none. */
export function bearerToken(header: string | null): string | null {
  const [, token] = /^Bearer +(\S+)$/i.exec(header ?? "") ?? [];
  return token ?? null;
}

function unauthenticated(message: string): RefusedError {
  return new RefusedError(refuse("unauthenticated", message));
}
