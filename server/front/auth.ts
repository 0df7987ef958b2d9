/**
 * Who is calling: from a token to what its key allows.
 *
 * Keys are cached, so that a call costs no read of the database and a known key works through an
 * outage; a key that was revoked stops within `FRESH_MS` while the database is up. A key that this
 * instance does not know is looked up, and is `unavailable` while that cannot be done: it is not
 * called wrong by an instance that cannot tell.
 *
 * Anyone may send tokens. What has not a token's form is refused and not kept, and guesses are kept
 * apart from keys, so that they cost little memory and put no key that is known out of the cache.
 */
import { createHash } from "node:crypto";
import { LRUCache } from "lru-cache";
import { type ApiKey, isToken } from "../../sql/api_keys.ts";
import { refuse } from "../../client/contract/refusal.ts";
import { settlesWithin } from "../../sql/waiting.ts";
import type { Authenticator, Principal } from "../router/context.ts";
import { SCOPES } from "../../client/contract/scope.ts";
import { Refused } from "../../client/contract/refused.ts";

export interface AuthOptions {
  /** Reads the database; null when there is no such key in force. */
  readonly findKey: (token: string) => Promise<ApiKey | null>;
  /** A key with every scope, for development; null: there is none. */
  readonly devKey: string | null;
  /** Monotonic, milliseconds. */
  readonly now: () => number;
}

const FRESH_MS = 10_000;
const MAX_KEYS = 10_000;
const MAX_GUESSES = 1_000;
/** What a read may take before an entry that is no longer fresh has to do. */
const READ_TIMEOUT_MS = 250;

const DEV_PRINCIPAL: Principal = { keyId: "dev", scopes: new Set(SCOPES), storeId: null };

const CANNOT_CHECK = refuse(
  "unavailable",
  "the API key cannot be checked while the database is away",
  1_000,
);

/** Makes the key cache. */
export function createAuth({ findKey, devKey, now }: AuthOptions): Authenticator {
  const keys = new KeyCache(findKey, now);
  return {
    authenticate: async (token) => {
      if (token === null) throw unauthenticated("an API key is needed");
      if (devKey !== null && token === devKey) return DEV_PRINCIPAL;
      const principal = isToken(token) ? await keys.find(token) : null;
      if (principal === null) throw unauthenticated("the API key is wrong or revoked");
      return principal;
    },
  };
}

/** What the database has said of tokens. */
class KeyCache {
  readonly #keys: LRUCache<string, Principal>;
  /** A key that there is not is remembered too, so that trying it again costs no read. By hash. */
  readonly #guesses: LRUCache<string, true>;
  /** Reads under way. Not in the caches, where they would put out what is known. */
  readonly #reads = new Map<string, Promise<Principal | null>>();

  constructor(readonly findKey: AuthOptions["findKey"], now: () => number) {
    const kept = { ttl: FRESH_MS, ttlResolution: 0, perf: { now }, noDeleteOnStaleGet: true };
    this.#keys = new LRUCache({ max: MAX_KEYS, ...kept });
    this.#guesses = new LRUCache({ max: MAX_GUESSES, ...kept });
  }

  /**
   * Who `token` is for, null when there is no such key: read again when what is known is no longer
   * fresh. That has to do when the read fails or takes too long, since a database that hangs must
   * not make every call hang with it.
   *
   * @throws Refused unavailable, when nothing is known either
   */
  async find(token: string): Promise<Principal | null> {
    const fresh = this.#known(token, false);
    if (fresh !== undefined) return fresh;
    const known = this.#known(token, true);
    const reading = this.#read(token);
    if (known !== undefined && !await settlesWithin(READ_TIMEOUT_MS, reading)) return known;
    try {
      return await reading;
    } catch {
      if (known === undefined) throw new Refused(CANNOT_CHECK);
      return known;
    }
  }

  /** Undefined: nothing is known. */
  #known(token: string, allowStale: boolean): Principal | null | undefined {
    const principal = this.#keys.get(token, { allowStale });
    if (principal !== undefined) return principal;
    return this.#guesses.get(hashOf(token), { allowStale }) ? null : undefined;
  }

  /** Reads the database and remembers; who asks during a read gets that one. */
  #read(token: string): Promise<Principal | null> {
    const underWay = this.#reads.get(token);
    if (underWay !== undefined) return underWay;
    const reading = this.findKey(token)
      .then((key) => this.#remember(token, key))
      .finally(() => this.#reads.delete(token));
    this.#reads.set(token, reading);
    return reading;
  }

  #remember(token: string, key: ApiKey | null): Principal | null {
    if (key === null) {
      this.#keys.delete(token);
      this.#guesses.set(hashOf(token), true);
      return null;
    }
    const { keyId, storeId } = key;
    const principal = { keyId, scopes: new Set(key.scopes), storeId };
    this.#guesses.delete(hashOf(token));
    this.#keys.set(token, principal);
    return principal;
  }
}

function hashOf(token: string): string {
  return createHash("sha256").update(token).digest("base64");
}

/** The token of an `Authorization: Bearer` header; null when there is none. */
export function bearerToken(header: string | null): string | null {
  const [, token] = /^Bearer +(\S+)$/i.exec(header ?? "") ?? [];
  return token ?? null;
}

function unauthenticated(message: string): Refused {
  return new Refused(refuse("unauthenticated", message));
}
