/**
 * Authentication: from a token to the rights of its key.
 *
 * Keys are cached, so that a call costs no read of the database and a known key works through an
 * outage. A revoked key stops within `FRESH_MS` while the database is up. A key that this instance
 * does not know is looked up; while the database is away the answer is `unavailable`, since the
 * instance cannot tell whether the key is wrong.
 *
 * Anyone may send tokens. Text that is not in a token's form is refused and not kept. Guesses are
 * kept apart from keys, so that they cost little memory and push no known key out of the cache.
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
/** A read may take this long; after that an older entry is used. */
const READ_TIMEOUT_MS = 250;

const DEV_PRINCIPAL: Principal = {
  keyId: "dev",
  name: "development",
  scopes: new Set(SCOPES),
  storeId: null,
};

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

/** The database's answers about tokens. */
class KeyCache {
  readonly #keys: LRUCache<string, Principal>;
  /** Wrong tokens, by hash: trying one again costs no read. */
  readonly #guesses: LRUCache<string, true>;
  /** Reads under way. They are not in the caches, where they would push out known keys. */
  readonly #reads = new Map<string, Promise<Principal | null>>();

  constructor(readonly findKey: AuthOptions["findKey"], now: () => number) {
    const kept = { ttl: FRESH_MS, ttlResolution: 0, perf: { now }, noDeleteOnStaleGet: true };
    this.#keys = new LRUCache({ max: MAX_KEYS, ...kept });
    this.#guesses = new LRUCache({ max: MAX_GUESSES, ...kept });
  }

  /**
   * The caller that `token` belongs to; null when there is no such key. An entry that is no longer
   * fresh is read again. When that read fails or takes too long the old entry is used: a database
   * that hangs must not make every call hang.
   *
   * @throws Refused unavailable, when there is no old entry either
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

  /** Undefined: the token is not in the cache. */
  #known(token: string, allowStale: boolean): Principal | null | undefined {
    const principal = this.#keys.get(token, { allowStale });
    if (principal !== undefined) return principal;
    return this.#guesses.get(hashOf(token), { allowStale }) ? null : undefined;
  }

  /** Reads the database and remembers the answer. Calls during a read share it. */
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
    const { keyId, label, storeId } = key;
    const principal = { keyId, name: label, scopes: new Set(key.scopes), storeId };
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
