/**
 * The API keys that an instance knows, and the database's answers about texts that are none.
 *
 * A key in use is read again in the background, long before its entry is too old. While the database
 * is up no entry older than `FRESH_MS` is used, so a revoked key stops within that time. An older entry
 * is used only when the database fails or is silent, never because much is going on.
 *
 * A key is asked for by its text, or by its id alone, as the tokens that it signs name it. One that is
 * known by its text is known by its id too.
 *
 * Tested in tests/server/front/keys/auth_test.ts.
 */
import { createHash } from "node:crypto";
import { LRUCache } from "lru-cache";
import { refuse } from "../../../client/contract/refusal.ts";
import { Refused } from "../../../client/contract/refused.ts";
import { classify } from "../../../sql/connection/failure.ts";
import { type KeyInForce, textOfId } from "../../../sql/api_keys.ts";
import { isOutage } from "../../orders/outage.ts";
import type { Principal } from "../../router/context.ts";
import { type KeyAnswer, type KeyRead, KeyReads, type KeyReadsOptions } from "./key_reads.ts";

/** Reads the database; null for each text without a key in force. */
export type FindKeys = KeyReadsOptions["findKeys"];

/** The end of a look-up. */
type LookUpOutcome = "found" | "wrong" | "failed" | "shed";

export interface KeyCacheOptions {
  /** For keys that the instance knows. */
  readonly findKnown: FindKeys;
  /** For texts that it does not know. It must not share a connection with `findKnown`. */
  readonly findUnknown: FindKeys;
  /** Monotonic, milliseconds. */
  readonly now: () => number;
  /** Called with the ends of look-ups, for those who count them. */
  readonly onLookUp: (outcome: LookUpOutcome, texts: number) => void;
}

/** A key in force, as calls need it. */
export interface KnownKey {
  readonly principal: Principal;
  /** The public key of its browser tokens; null: it can have none. */
  readonly tokenKey: Uint8Array<ArrayBuffer> | null;
}

/** An entry may be used for this long. */
const FRESH_MS = 10_000;
/** From this age on the key is read again in the background when it is used. */
const AGING_MS = FRESH_MS / 2;
/** Ten thousand keys, each by its text and by its id. */
const MAX_ENTRIES = 20_000;
const MAX_GUESSES = 1_000;
/** Unknown texts that wait: no more than two statements' worth, so that none waits long. */
const MAX_WAITING = 1_000;

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

interface Entry {
  readonly key: KnownKey;
  /** The moment from which the entry speaks. */
  readonly askedAt: number;
}

export class KeyCache {
  readonly #keys = new LRUCache<string, Entry>({ max: MAX_ENTRIES });
  /** Wrong texts, by hash, and when each was read: trying one again costs no read. */
  readonly #guesses = new LRUCache<string, number>({ max: MAX_GUESSES });
  /** Keys that were revoked while the instance knew them, by hash. No guess pushes one out. */
  readonly #former = new LRUCache<string, true>({ max: MAX_GUESSES });
  readonly #known: KeyReads;
  readonly #unknown: KeyReads;

  constructor(readonly options: KeyCacheOptions) {
    const { findKnown, findUnknown, onLookUp, now } = options;
    const reads = {
      onAnswer: (text: string, answer: KeyAnswer) => this.#remember(text, answer),
      onFailure: (texts: number) => onLookUp("failed", texts),
      now,
    };
    this.#known = new KeyReads({ findKeys: findKnown, maxWaiting: MAX_ENTRIES, ...reads });
    this.#unknown = new KeyReads({ findKeys: findUnknown, maxWaiting: MAX_WAITING, ...reads });
  }

  /**
   * The key of a text, or of one of `textOfId`; null when there is no such key.
   * @throws Refused unavailable, when the database cannot tell
   */
  async find(text: string): Promise<KnownKey | null> {
    const entry = this.#keys.get(text);
    if (entry === undefined) return await this.#findUnknown(text);
    const ageMs = this.options.now() - entry.askedAt;
    if (ageMs < AGING_MS) return entry.key;
    const read = this.#known.read(text);
    if (ageMs < FRESH_MS) return entry.key;
    return await this.#refreshed(entry, read);
  }

  /** True when the instance knew this text as a key, and it is revoked. */
  isFormer(text: string): boolean {
    return this.#former.has(hashOf(text));
  }

  async #findUnknown(text: string): Promise<KnownKey | null> {
    const readAt = this.#guesses.get(hashOf(text));
    if (readAt !== undefined && this.options.now() - readAt < FRESH_MS) return null;
    const read = this.#unknown.read(text);
    if (read === null) return this.#shed();
    try {
      return known(await read.answer);
    } catch (error) {
      throw cannotCheck(error);
    }
  }

  /** The key of an entry that is too old by itself. */
  async #refreshed({ key }: Entry, read: KeyRead | null): Promise<KnownKey | null> {
    if (read === null) return this.#shed();
    try {
      const answer = await read.soon;
      return answer === null ? key : known(answer);
    } catch (error) {
      if (isOutage(error) && classify(error).kind === "infrastructure") return key;
      throw cannotCheck(error);
    }
  }

  #shed(): never {
    this.options.onLookUp("shed", 1);
    throw new Refused(TOO_MANY);
  }

  #remember(text: string, answer: KeyAnswer): void {
    const { askedAt } = answer;
    const key = known(answer);
    this.options.onLookUp(key === null ? "wrong" : "found", 1);
    if (key === null) {
      if (this.#keys.delete(text)) this.#former.set(hashOf(text), true);
      this.#guesses.set(hashOf(text), askedAt);
      return;
    }
    this.#guesses.delete(hashOf(text));
    this.#keys.set(text, { key, askedAt });
    this.#keys.set(textOfId(key.principal.keyId), { key, askedAt });
  }
}

/** The refusal of a call whose key could not be looked up. A bug stays what it is. */
function cannotCheck(error: unknown): unknown {
  return isOutage(error) ? new Refused(CANNOT_CHECK) : error;
}

function known({ key }: KeyAnswer): KnownKey | null {
  return key === null ? null : { principal: callerOf(key), tokenKey: key.tokenKey };
}

function callerOf({ keyId, label, scopes, storeIds, currencies }: KeyInForce): Principal {
  return {
    keyId,
    name: label,
    scopes: new Set(scopes),
    storeIds: storeIds && new Set(storeIds),
    currencies: currencies && new Set(currencies),
    token: null,
  };
}

/** The hash of a text, which is kept in its place: shorter, and no secret. */
export function hashOf(text: string): string {
  return createHash("sha256").update(text).digest("base64");
}
