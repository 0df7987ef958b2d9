/**
 * Authentication: from the credential of a call to the rights of its caller. The credential is an API
 * key (key_cache.ts), or a browser token that somebody with an API key has signed
 * (browser_tokens.ts).
 *
 * Keys are cached, so that a call costs no read of the database and a known key works through an
 * outage.
 *
 * Anyone may send text. Text that is in no credential's form is refused and not kept. Keys that the
 * instance does not know are read on a connection of their own, so no guess delays a known key, and
 * a bounded number of them waits. Guesses are kept apart from keys, so that they cost little memory
 * and push no known key out of the cache.
 */
import { systemClock } from "../../../actors/clock.ts";
import { findApiKeys, isToken, textOfId } from "../../../sql/api_keys.ts";
import type { Database, Pool } from "../../../sql/connection/database.ts";
import { refuse } from "../../../client/contract/refusal.ts";
import type { Authenticator, Principal } from "../../router/context.ts";
import { tokenTime } from "../../router/tokens/calendar.ts";
import { SCOPES } from "../../../client/contract/scope.ts";
import { Refused } from "../../../client/contract/refused.ts";
import { DEV_KEY_ID } from "../../../client/contract/tokens/signing_key.ts";
import { BrowserTokens, isBrowserToken } from "./browser_tokens.ts";
import { type FindKeys, KeyCache, type KeyCacheOptions } from "./key_cache.ts";
import { RefusalPace } from "./refusal_pace.ts";
import type { Streak } from "../../telemetry/streak.ts";

export interface AuthOptions extends KeyCacheOptions {
  /** A key with every scope, for development; null: there is none. */
  readonly devKey: string | null;
  /** The longest life of a browser token. */
  readonly tokenMaxSeconds: number;
  /** A refusal is answered after its turn: that of a key which was in force, and any other. */
  readonly paces: Readonly<Record<"former" | "stranger", Pick<RefusalPace, "turn">>>;
  /** For the times of tokens, milliseconds since 1970. */
  readonly wallClock: () => number;
}

const DEV_PRINCIPAL: Principal = {
  keyId: DEV_KEY_ID,
  name: "development",
  scopes: new Set(SCOPES),
  storeIds: null,
  currencies: null,
  token: null,
};

/** The authentication of an instance: keys that it knows are looked up apart from all other tokens. */
export function startAuth(
  { database, streak, ...options }: Pick<AuthOptions, "devKey" | "tokenMaxSeconds" | "onLookUp"> & {
    readonly database: Pick<Database, "keys" | "guesses">;
    readonly streak: Streak;
  },
): Authenticator {
  const findIn = (pool: Pool): FindKeys => (texts) => streak.of(findApiKeys(pool, texts));
  return createAuth({
    ...options,
    findKnown: findIn(database.keys),
    findUnknown: findIn(database.guesses),
    paces: {
      former: new RefusalPace(systemClock.now),
      stranger: new RefusalPace(systemClock.now),
    },
    now: systemClock.now,
    wallClock: tokenTime,
  });
}

/** Makes the authentication, with its caches. */
export function createAuth(options: AuthOptions): Authenticator {
  const { devKey, paces } = options;
  const keys = new KeyCache(options);
  const tokens = new BrowserTokens({
    findKey: (keyId) => keys.find(textOfId(keyId)),
    devKey: devKey === null ? null : { text: devKey, principal: DEV_PRINCIPAL },
    maxSeconds: options.tokenMaxSeconds,
    wallClock: options.wallClock,
  });
  const identify = async (credential: string | null): Promise<Principal> => {
    if (credential === null) throw unauthenticated("an API key is needed");
    if (isToken(credential)) {
      const key = await keys.find(credential);
      if (key !== null) return key.principal;
    } else if (isBrowserToken(credential)) return await tokens.authenticate(credential);
    throw unauthenticated("the API key is wrong or revoked");
  };
  /**
   * True for a key that was in force, and for a token that somebody with such a key has signed. A text
   * that names such a key shows nothing: whoever has seen a token can name its key.
   */
  const isFormer = (credential: string): boolean =>
    isBrowserToken(credential)
      ? tokens.isSigned(credential)
      : isToken(credential) && keys.isFormer(credential);
  return {
    keyIdOfToken: (text) => isBrowserToken(text) ? tokens.keyIdOf(text) : null,
    authenticate: async (credential) => {
      if (devKey !== null && credential === devKey) return DEV_PRINCIPAL;
      try {
        return await identify(credential);
      } catch (error) {
        const former = credential !== null && isFormer(credential);
        await paces[former ? "former" : "stranger"].turn();
        throw error;
      }
    },
  };
}

/** The token of an `Authorization: Bearer` header; null when there is none. */
export function bearerToken(header: string | null): string | null {
  const [, token] = /^Bearer +(\S+)$/i.exec(header ?? "") ?? [];
  return token ?? null;
}

function unauthenticated(message: string): Refused {
  return new Refused(refuse("unauthenticated", message));
}
