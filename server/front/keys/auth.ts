/**
 * Authentication: from a token to the rights of its key.
 *
 * Keys are cached, so that a call costs no read of the database and a known key works through an
 * outage. A key in use is read again in the background, long before its entry is too old. While the
 * database is up no entry older than `FRESH_MS` is used, so a revoked key stops within that time. An
 * older entry is used only when the database fails or is silent, never because much is going on.
 *
 * Anyone may send tokens. Text that is not in a token's form is refused and not kept. Tokens that the
 * instance does not know are read on a connection of their own, so no guess delays a known key, and
 * a bounded number of them waits. Guesses are kept apart from keys, so that they cost little memory
 * and push no known key out of the cache.
 */
import { createHash } from "node:crypto";
import { LRUCache } from "lru-cache";
import { systemClock } from "../../../actors/clock.ts";
import { type ApiKey, findApiKeys, isToken } from "../../../sql/api_keys.ts";
import type { Database, Pool } from "../../../sql/connection/database.ts";
import { classify } from "../../../sql/connection/failure.ts";
import { refuse } from "../../../client/contract/refusal.ts";
import { isOutage } from "../../orders/outage.ts";
import type { Authenticator, Principal } from "../../router/context.ts";
import { SCOPES } from "../../../client/contract/scope.ts";
import { Refused } from "../../../client/contract/refused.ts";
import { type KeyAnswer, type KeyRead, KeyReads, type KeyReadsOptions } from "./key_reads.ts";
import { RefusalPace } from "./refusal_pace.ts";
import type { Streak } from "../../telemetry/streak.ts";

/** Reads the database; null for each token without a key in force. */
type FindKeys = KeyReadsOptions["findKeys"];

/** The end of a look-up. */
type LookUpOutcome = "found" | "wrong" | "failed" | "shed";

export interface AuthOptions {
  /** For keys that the instance knows. */
  readonly findKnown: FindKeys;
  /** For tokens that it does not know. It must not share a connection with `findKnown`. */
  readonly findUnknown: FindKeys;
  /** A key with every scope, for development; null: there is none. */
  readonly devKey: string | null;
  /** A refusal is answered after its turn: that of a key which was in force, and any other. */
  readonly paces: Readonly<Record<"former" | "stranger", Pick<RefusalPace, "turn">>>;
  /** Monotonic, milliseconds. */
  readonly now: () => number;
  /** Called with the ends of look-ups, for those who count them. */
  readonly onLookUp: (outcome: LookUpOutcome, tokens: number) => void;
}

/** An entry may be used for this long. */
const FRESH_MS = 10_000;
/** From this age on the key is read again in the background when it is used. */
const AGING_MS = FRESH_MS / 2;
const MAX_KEYS = 10_000;
const MAX_GUESSES = 1_000;
/** Unknown tokens that wait: no more than two statements' worth, so that none waits long. */
const MAX_WAITING = 1_000;

const DEV_PRINCIPAL: Principal = {
  keyId: "dev",
  name: "development",
  scopes: new Set(SCOPES),
  storeIds: null,
  currencies: null,
};

const CANNOT_CHECK = refuse(
  "unavailable",
  "the API key cannot be checked while the database is away",
  1_000,
);

const TOO_MANY = refuse(
  "unavailable",
  "the API key cannot be checked: too many unknown keys are being looked up",
  1_000,
);

/** The authentication of an instance: keys that it knows are looked up apart from all other tokens. */
export function startAuth(
  { database, streak, ...options }: Pick<AuthOptions, "devKey" | "onLookUp"> & {
    readonly database: Pick<Database, "keys" | "guesses">;
    readonly streak: Streak;
  },
): Authenticator {
  const findIn = (pool: Pool): FindKeys => (tokens) => streak.of(findApiKeys(pool, tokens));
  return createAuth({
    ...options,
    findKnown: findIn(database.keys),
    findUnknown: findIn(database.guesses),
    paces: {
      former: new RefusalPace(systemClock.now),
      stranger: new RefusalPace(systemClock.now),
    },
    now: systemClock.now,
  });
}

/** Makes the key cache. */
export function createAuth(options: AuthOptions): Authenticator {
  const { devKey, paces } = options;
  const keys = new KeyCache(options);
  return {
    authenticate: async (token) => {
      if (devKey !== null && token === devKey) return DEV_PRINCIPAL;
      try {
        if (token === null) throw unauthenticated("an API key is needed");
        const principal = isToken(token) ? await keys.find(token) : null;
        if (principal === null) throw unauthenticated("the API key is wrong or revoked");
        return principal;
      } catch (error) {
        const isFormer = token !== null && keys.isFormer(token);
        await paces[isFormer ? "former" : "stranger"].turn();
        throw error;
      }
    },
  };
}

interface Entry {
  readonly principal: Principal;
  /** The moment from which the entry speaks. */
  readonly askedAt: number;
}

/** The database's answers about tokens. */
class KeyCache {
  readonly #keys = new LRUCache<string, Entry>({ max: MAX_KEYS });
  /** Wrong tokens, by hash, and when each was read: trying one again costs no read. */
  readonly #guesses = new LRUCache<string, number>({ max: MAX_GUESSES });
  /** Keys that were revoked while the instance knew them, by hash. No guess pushes one out. */
  readonly #former = new LRUCache<string, true>({ max: MAX_GUESSES });
  readonly #known: KeyReads;
  readonly #unknown: KeyReads;

  constructor(readonly options: AuthOptions) {
    const { findKnown, findUnknown, onLookUp, now } = options;
    const reads = {
      onAnswer: (token: string, answer: KeyAnswer) => this.#remember(token, answer),
      onFailure: (tokens: number) => onLookUp("failed", tokens),
      now,
    };
    this.#known = new KeyReads({ findKeys: findKnown, maxWaiting: MAX_KEYS, ...reads });
    this.#unknown = new KeyReads({ findKeys: findUnknown, maxWaiting: MAX_WAITING, ...reads });
  }

  /**
   * The caller that `token` belongs to; null when there is no such key.
   * @throws Refused unavailable, when the database cannot tell
   */
  async find(token: string): Promise<Principal | null> {
    const entry = this.#keys.get(token);
    if (entry === undefined) return await this.#findUnknown(token);
    const ageMs = this.options.now() - entry.askedAt;
    if (ageMs < AGING_MS) return entry.principal;
    const read = this.#known.read(token);
    if (ageMs < FRESH_MS) return entry.principal;
    return await this.#refreshed(entry, read);
  }

  /** True when the instance knew this token as a key, and it is revoked. */
  isFormer(token: string): boolean {
    return isToken(token) && this.#former.has(hashOf(token));
  }

  async #findUnknown(token: string): Promise<Principal | null> {
    const readAt = this.#guesses.get(hashOf(token));
    if (readAt !== undefined && this.options.now() - readAt < FRESH_MS) return null;
    const read = this.#unknown.read(token);
    if (read === null) return this.#shed();
    try {
      return principalOf(await read.answer);
    } catch (error) {
      throw cannotCheck(error);
    }
  }

  /** The caller of an entry that is too old by itself. */
  async #refreshed({ principal }: Entry, read: KeyRead | null): Promise<Principal | null> {
    if (read === null) return this.#shed();
    try {
      const answer = await read.soon;
      return answer === null ? principal : principalOf(answer);
    } catch (error) {
      if (isOutage(error) && classify(error).kind === "infrastructure") return principal;
      throw cannotCheck(error);
    }
  }

  #shed(): never {
    this.options.onLookUp("shed", 1);
    throw new Refused(TOO_MANY);
  }

  #remember(token: string, { key, askedAt }: KeyAnswer): void {
    this.options.onLookUp(key === null ? "wrong" : "found", 1);
    if (key === null) {
      if (this.#keys.delete(token)) this.#former.set(hashOf(token), true);
      this.#guesses.set(hashOf(token), askedAt);
      return;
    }
    this.#guesses.delete(hashOf(token));
    this.#keys.set(token, { principal: callerOf(key), askedAt });
  }
}

/** The refusal of a call whose key could not be looked up. A bug stays what it is. */
function cannotCheck(error: unknown): unknown {
  return isOutage(error) ? new Refused(CANNOT_CHECK) : error;
}

function principalOf({ key }: KeyAnswer): Principal | null {
  return key === null ? null : callerOf(key);
}

function callerOf({ keyId, label, scopes, storeIds, currencies }: ApiKey): Principal {
  return {
    keyId,
    name: label,
    scopes: new Set(scopes),
    storeIds: storeIds && new Set(storeIds),
    currencies: currencies && new Set(currencies),
  };
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
